/** A typed key for a value that a layer leaves on a call for the layers below it. */
export interface CallKey<T> {
  readonly name: string;
  readonly defaultValue: T;
}

/** Makes a key; the default is what a call answers on which nothing was set. */
export function callKey<T>(name: string, defaultValue: T): CallKey<T> {
  return { name, defaultValue };
}
