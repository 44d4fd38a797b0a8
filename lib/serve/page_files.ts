/** A file of the page. @returns undefined for a path that is none */
export function pageFile(_path: string): Response | undefined {
  return undefined;
}
