/** Writes miniatures of the published datasets below `folder` and returns the path of each file by name. */
export function makeDatasets(folder: string): Record<string, string>;
