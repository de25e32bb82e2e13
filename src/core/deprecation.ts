/** A field of a message that is deprecated, that holds such fields, or both. */
export interface FieldDeprecation {
  /** Its name in the contract, where it is deprecated itself. */
  readonly name?: string;
  /** The full name of the message it holds, where deprecated fields stand in that. */
  readonly holds?: string;
}

/** What of a method is deprecated. It has at least one of the two. */
export interface MethodDeprecation {
  /** The method is, or its service, or its file. */
  readonly method?: true;
  /** Where deprecated fields of a request stand. */
  readonly request?: {
    /** The full name of the request's message. */
    readonly type: string;
    /** By full names of messages, and by numbers of fields. An entry of a map is a message. */
    readonly messages: Readonly<Record<string, Readonly<Record<number, FieldDeprecation>>>>;
  };
}
