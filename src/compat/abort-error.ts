/** The error of an aborted operation, as nice-grpc knows it: by its name. */
export function abortError(): Error {
  return new DOMException('The operation has been aborted', 'AbortError');
}

export function isAbortError(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError'
  );
}
