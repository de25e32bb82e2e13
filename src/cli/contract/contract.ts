import type { FileRegistry } from '@bufbuild/protobuf';

/** Where names and types come from: a file, a folder or the server itself. */
export interface Contract {
  /** For messages: `localhost:50051` or a file's name. */
  readonly origin: string;
  /** Full names of all services, sorted. */
  services(): Promise<readonly string[]>;
  /** The file that declares a name and all it imports; undefined where nothing declares it. */
  find(symbol: string): Promise<FileRegistry | undefined>;
}
