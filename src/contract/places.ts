import type { FileDescriptorProto } from '@bufbuild/protobuf/wkt';

/** A place in a contract. */
export interface Place {
  /** The file as a person opens it. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

/** Something wrong in a contract, and where it stands. */
export interface ContractProblem extends Place {
  /** `what is wrong; what to do`. */
  readonly message: string;
}

/**
 * Where things stand in a contract, by their path in its descriptor: descriptor.proto's
 * SourceCodeInfo. Buf's images have it by default, protoc's with `--include_source_info`.
 */
export class Places {
  private readonly file: string;
  private readonly byPath: ReadonlyMap<string, readonly number[]>;

  constructor(descriptor: FileDescriptorProto, file: string) {
    this.file = file;
    const locations = descriptor.sourceCodeInfo?.location ?? [];
    this.byPath = new Map(locations.map(({ path, span }) => [key(path), span]));
  }

  /** The place itself, else the first thing in it that has one, else what it stands in. */
  of(path: readonly number[]): Place {
    for (let length = path.length; length > 0; length -= 1) {
      const part = key(path.slice(0, length));
      const span =
        this.byPath.get(part) ?? (length === path.length ? this.within(part) : undefined);
      if (span !== undefined) return this.place(span);
    }
    return this.place([0, 0]);
  }

  private within(part: string): readonly number[] | undefined {
    const inside = [...this.byPath].filter(([path]) => path.startsWith(part));
    return inside.map(([, span]) => span).toSorted(byStart)[0];
  }

  private place([line = 0, column = 0]: readonly number[]): Place {
    return { file: this.file, line: line + 1, column: column + 1 };
  }
}

/** Problems as they stand in their files. */
export function byPlace(one: Place, other: Place): number {
  if (one.file !== other.file) return one.file < other.file ? -1 : 1;
  return one.line - other.line || one.column - other.column;
}

/** `file:line:column: message`, as buf writes it. */
export function lineOfProblem({ file, line, column, message }: ContractProblem): string {
  return `${file}:${line}:${column}: ${message}`;
}

/** Ends with its separator, so that 1.2 does not stand at the head of 1.23. */
function key(path: readonly number[]): string {
  return path.map((part) => `${part}.`).join('');
}

function byStart(one: readonly number[], other: readonly number[]): number {
  return (one[0] ?? 0) - (other[0] ?? 0) || (one[1] ?? 0) - (other[1] ?? 0);
}
