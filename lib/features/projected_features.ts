import { type Features, type FeatureSource, featureMatrix } from "../data/feature_source.js";
import { InvalidArgumentError } from "../base/errors.js";
import { linear } from "../ops.js";
import { loadInto } from "../weights/load_into.js";

/** Rows are padded to a multiple of this, so that few programs serve all videos. */
const ROWS = 64;

/** The layer of S3D-G between `mixed_5c` and `video_embedding`. */
const LAYER = new Map([
  ["fc.weight", [512, 1024]],
  ["fc.bias", [512]],
]);

/**
 * The public HowTo100M features (1024 values per second, S3D-G's `mixed_5c`), mapped by the last layer of S3D-G to the
 * 512 values of `video_embedding` that VideoCLIP reads.
 */
export class ProjectedFeatures implements FeatureSource {
  private constructor(
    readonly source: FeatureSource,
    readonly weight: Float32Array,
    readonly bias: Float32Array,
  ) {}

  /**
   * @param path S3D-G's weights (`s3d_howto100m.pth`), with `fc.weight` `[512, 1024]` and `fc.bias`
   * @throws WeightsError when the layer is missing
   */
  static async open(source: FeatureSource, path: string): Promise<ProjectedFeatures> {
    const values = new Map<string, Float32Array>();
    const store = { set: (key: string, _: unknown, data: Float32Array) => void values.set(key, data) };
    await loadInto(store, path, { shapes: LAYER, ignored: /^/ });
    return new ProjectedFeatures(source, values.get("fc.weight")!, values.get("fc.bias")!);
  }

  get folder(): string {
    return this.source.folder;
  }

  has(video: string): boolean {
    return this.source.has(video);
  }

  async read(video: string): Promise<Features> {
    const { data, shape } = await this.source.read(video);
    const [rows, width] = shape;
    if (width !== 1024) {
      throw new InvalidArgumentError(`${this.folder}: ${video}: expected features of width 1024, received ${width}`, {
        argument: "features",
        expected: 1024,
        received: width,
      });
    }
    const padded = ROWS * Math.ceil(rows / ROWS);
    const x = new Float32Array(padded * width);
    x.set(data);
    const y = await linear(
      { data: x, shape: [padded, width] },
      { data: this.weight, shape: [512, 1024] },
      { bias: { data: this.bias, shape: [512] } },
    );
    return featureMatrix(y.data.slice(0, rows * 512), [rows, 512]);
  }
}
