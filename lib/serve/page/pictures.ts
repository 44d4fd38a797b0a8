/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import type { PictureResult } from "../answers.js";
import { type Answer, getJson } from "./http.js";

/** Media types by the endings of names, for files whose type the browser does not know. */
const TYPES: Record<string, string> = { mkv: "video/x-matroska", mov: "video/quicktime", webp: "image/webp" };

/** Sends a picture or clip, which becomes a part of searches. @param index the name of the index that is searched */
export function sendPicture(file: File, index: string | undefined): Promise<Answer<PictureResult>> {
  const ending = file.name.slice(file.name.lastIndexOf(".") + 1).toLowerCase();
  const type = file.type || TYPES[ending] || "application/octet-stream";
  const query = index === undefined ? "" : `?${new URLSearchParams({ index })}`;
  return getJson(`/api/pictures${query}`, { method: "POST", body: file, headers: { "Content-Type": type } });
}

/** Calls `take` with a picture or clip that is chosen, dropped on the page or pasted into it. */
export function onPicture(input: HTMLInputElement, take: (file: File) => void): void {
  input.addEventListener("change", () => {
    const [file] = input.files ?? [];
    input.value = ""; // the same file can be chosen again
    if (file) take(file);
  });
  const fileOf = (data: DataTransfer | null) => [...(data?.files ?? [])][0];
  const page = document.documentElement;
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    page.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) page.classList.remove("dropping");
  });
  addEventListener("drop", (event) => {
    page.classList.remove("dropping");
    if (!hasFiles(event)) return;
    event.preventDefault(); // otherwise the browser would leave the page and show the file
    const file = fileOf(event.dataTransfer);
    if (file) take(file);
  });
  addEventListener("paste", (event) => {
    const file = fileOf(event.clipboardData);
    if (file) take(file);
  });
}
