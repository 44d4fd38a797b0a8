export interface VideoSettings {
  width?: number;
  height?: number;
  rate?: number;
  seconds?: number;
  frames?: number;
  seed?: number;
  codec?: string;
  format?: "yuv420p" | "yuv444p" | "yuv420p10le";
  options?: Record<string, string>;
  times?: number[];
  planes?: (frame: number) => Buffer;
}
export function makeVideo(path: string, settings?: VideoSettings): Promise<void>;
export function makeSamples(dir: string, settings?: { count?: number; seconds?: number }): Promise<string[]>;
