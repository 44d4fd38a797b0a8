/** Writes a miniature of each dataset into a folder; the path of each file by its name. */
export function makeDatasets(folder: string): Record<string, string>;
export function makeFeatures(folder: string, width?: number): string;
export function makeTextModels(folder: string): void;
