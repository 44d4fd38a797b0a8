import { InvalidArgumentError, VideoClipError } from "../../base/errors.js";
import { BucketObjects } from "./bucket_objects.js";
import { BucketRecords, type RecordKind } from "./bucket_records.js";
import { s3Address } from "./remote_item.js";
import { ScratchFolder } from "./scratch_folder.js";
import type { VideoSources } from "./video_sources.js";

/** The results of an extraction in a bucket: an object per video, and objects with records. */
export class BucketResults {
  private constructor(
    readonly objects: BucketObjects,
    readonly records: Record<RecordKind, BucketRecords>,
    /** Has copies of all records, and features until they are in the bucket. */
    private readonly scratch: ScratchFolder,
  ) {}

  /**
   * Copies the records at an address `s3://bucket/prefix` into a folder of this machine.
   * @param suffix of the part that is written
   * @param sources know the bucket's client, and the folder for temporary files
   * @throws InvalidArgumentError, StorageError, VideoClipError `ERR_WRITE`; the signal's reason
   */
  static async open(
    address: string,
    suffix: string,
    sources: VideoSources,
    signal?: AbortSignal,
  ): Promise<BucketResults> {
    const { bucket, key } = s3Address(address)!;
    if (/(^|\/)(\.{0,2})(\/|$)/.test(key.replace(/\/$/, "")) && key !== "")
      throw new InvalidArgumentError(`${address}: expected s3://bucket/prefix without parts that are empty, . or ..`, { argument: "out", received: address }); // prettier-ignore
    const prefix = key === "" || key.endsWith("/") ? key : `${key}/`;
    const { requests, spool } = sources.options;
    const objects = new BucketObjects(sources.store(bucket), bucket, prefix, requests);
    const scratch = new ScratchFolder(spool);
    try {
      const manifest = await BucketRecords.open(objects, "manifest", suffix, scratch.path, signal);
      const failures = await BucketRecords.open(objects, "failures", suffix, scratch.path, signal);
      return new BucketResults(objects, { manifest, failures }, scratch);
    } catch (error) {
      scratch.dispose();
      throw error;
    }
  }

  /** The folder of this machine with the copies. */
  get folder(): string {
    return this.scratch.path;
  }

  /**
   * Writes the features of a video.
   * @param isKnown whether a record names the object, which is then replaced
   * @throws StorageError; VideoClipError `ERR_RESULTS_DIFFER` if there are other features that no record names
   */
  async addFeatures(name: string, bytes: Uint8Array, isKnown: boolean): Promise<void> {
    if (await this.objects.create(name, bytes)) return;
    if (isKnown) return this.objects.replace(name, bytes);
    const file = this.objects.address(name);
    const message = `${file}: there is an object with other content, which no record names: delete it, or give another --out`;
    throw new VideoClipError("ERR_RESULTS_DIFFER", message, { file });
  }

  close(): void {
    this.scratch.dispose();
  }
}
