/** The service and the method of `/package.Service/Method`. */
export function splitPath(path: string): { readonly service: string; readonly method: string } {
  const [, service = '', method = ''] = path.split('/');
  return { service, method };
}
