/** One kind of failure: the class of its errors, its meaning, its usual cause and the remedy. */
interface ErrorEntry {
  class: string;
  meaning: string;
  cause: string;
  cure: string;
}

/**
 * Every code that this package throws. docs/errors.md is generated from this table (`npm run docs:errors`).
 * @internal
 */
export const ERROR_CODES = {
  ERR_ADDON_MISSING: {
    class: "DeviceError",
    meaning: "The native addon could not be loaded, so nothing can be computed.",
    cause:
      "The package has no addon for this system, a bundler or a deployment left the `.node` file behind, or Node was started without addons.",
    cure: "The message has every path that was tried, and its last sentence has the remedy; `videoclip doctor` repeats it. See [deployment](deployment.md).",
  },
  ERR_BAD_FEATURES: {
    class: "DatasetError",
    meaning: "A file of features holds a value that is not finite.",
    cause: "The extraction that wrote the file failed numerically, or the file is damaged.",
    cure: "Extract the features of this video again. `details.file` names the file; the message gives row and column.",
  },
  ERR_BUNDLED: {
    class: "VideoClipError",
    meaning: "The code of the package was copied into a bundle, away from its native addon and its workers.",
    cause: "A bundler (esbuild, webpack, Rollup, Vite, Next.js) was not configured to leave `videoclip` out.",
    cure: "Mark `videoclip` as external; `docs/deployment.md` has a section for each bundler.",
  },
  ERR_BUSY: {
    class: "VideoClipError",
    meaning: "The object is still in use by a call that has not ended.",
    cause:
      "A trainer was started twice, a parameter was set while a run that updates it was going on, or memory was unpinned while a run used it.",
    cure: "Await the first call before you make the second one.",
  },
  ERR_CHECKPOINT: {
    class: "VideoClipError",
    meaning: "A training run cannot be resumed from the content of its folder.",
    cause: "A checkpoint of another format, or a folder from which files were removed.",
    cure: "Resume with the original options and folder, or start a new run.",
  },
  ERR_CUDA_UNAVAILABLE: {
    class: "DeviceError",
    meaning: "`device: 'cuda'` was requested and is not available.",
    cause:
      "No driver, a driver that is too old, no GPU, a GPU below compute capability 8.0, or a build without CUDA kernels. The message says which.",
    cure: "Correct the cause in the message, or use `device: 'auto'`, which uses the CPU instead.",
  },
  ERR_DATASET: {
    class: "DatasetError",
    meaning: "A dataset, an annotation file or a prediction file cannot be used.",
    cause: "A file is missing, has another format, or two files do not belong together.",
    cure: "Correct the place that the message names: it gives the file and, where there is one, the line or the byte.",
  },
  ERR_DECODER_MISSING: {
    class: "VideoError",
    meaning: "No video decoder is available.",
    cause:
      "The optional package `node-av` is not installed or cannot be loaded, or `decoder: 'ffmpeg'` finds no `ffmpeg` and `ffprobe`.",
    cure: "Run `npm install node-av`, or install FFmpeg and pass `decoder: 'ffmpeg'`.",
  },
  ERR_DEVICE_LOST: {
    class: "DeviceError",
    meaning: "The GPU is lost to this process. Everything that was in its memory is gone.",
    cause: "A fault of the hardware or of a kernel, or a reset of the driver.",
    cure: "Start a new process: in this one every call of the GPU fails. If it happens again, run once with `VIDEOCLIP_CUDA_CHECK=1`, which names the op and the layer, and report it with the output of `videoclip doctor`.",
  },
  ERR_DISPOSED: {
    class: "DisposedError",
    meaning: "The object was used after `dispose()`, or was disposed while a call was running.",
    cause: "A `using` block has ended, or another part of the program disposed the device that a model shares.",
    cure: "Dispose after the last result has arrived, and make a new object when you need one again.",
  },
  ERR_DTYPE: {
    class: "DTypeError",
    meaning: "An operation does not take this type of elements.",
    cause: "An array of another type than documented, or 16-bit floats on a CPU.",
    cure: "Convert the array to the type that the message names.",
  },
  ERR_FEATURES: {
    class: "DatasetError",
    meaning: "Features cannot be used together, or a folder or file holds none.",
    cause:
      "The folder has no `.npy` files, a Parquet file or an archive has other columns or entries, a video is there twice, or features have different models, presets or widths.",
    cure: "Pass folders that `videoclip extract` wrote with the same settings, or [exports](exporting.md) of them, each video once.",
  },
  ERR_INDEX: {
    class: "IndexError",
    meaning: "The files of a search index are damaged or do not fit together.",
    cause: "A file was edited, copied in part, or belongs to another index.",
    cure: "Build the index again from the features. The message names the file and what was expected.",
  },
  ERR_INDEX_DAMAGED: {
    class: "DatasetError",
    meaning: "A table of the index of a features folder is damaged.",
    cause: "The disk reports other bytes than were written, or the folder `.index` was copied in part.",
    cure: "Delete the folder `.index` in the features folder; it is made again from the manifests.",
  },
  ERR_INPUTS_LOST: {
    class: "VideoError",
    meaning:
      "The folder that videos were read from is gone, so the run ended. No video was recorded as failed because of it.",
    cause: "A network share or a removable disk was unmounted, or the folder was moved or deleted during the run.",
    cure: "Mount it again and continue with `resume: true` (`--resume`).",
  },
  ERR_INTERNAL: {
    class: "VideoClipError",
    meaning: "An internal check of the package failed.",
    cause: "A fault in this package, not in your program.",
    cure: "Please report it, with the message, the stack and the call that led to it.",
  },
  ERR_INVALID_ARGUMENT: {
    class: "InvalidArgumentError",
    meaning: "An argument has a value that the function does not take.",
    cause: "A misspelled option, a number out of range, a wrong type, or data that an operation refuses.",
    cure: "Compare `details.expected` with `details.received`; `details.argument` names the argument.",
  },
  ERR_ISA_UNAVAILABLE: {
    class: "DeviceError",
    meaning: "The environment variable `VIDEOCLIP_ISA` names instructions that this processor does not have.",
    cause: "The variable was set for another machine, or is misspelled.",
    cure: "Unset `VIDEOCLIP_ISA`, or set it to one of the names in the message.",
  },
  ERR_MANIFEST: {
    class: "DatasetError",
    meaning: "A list of videos cannot be read.",
    cause: "The CSV file is malformed or has no column `path` or `video`.",
    cure: "Give the file a header line with a column `path`, and one video per row.",
  },
  ERR_MISSING_FEATURES: {
    class: "DatasetError",
    meaning: "A required video has no features.",
    cause: "The video was not extracted, failed, or has another name in the annotations.",
    cure: "Extract the videos that the message names into the folder, or leave them out of the annotations.",
  },
  ERR_ONNX: {
    class: "VideoClipError",
    meaning: "A graph cannot be written as an ONNX model.",
    cause:
      "An operation without an ONNX form, an input and an output of one name, or a model above the 2 GiB of one ONNX file.",
    cure: "Export the inference graph and not a training graph. The message names the layer.",
  },
  ERR_OUT_OF_MEMORY: {
    class: "OutOfMemoryError",
    meaning: "The device has too little memory for the call.",
    cause: "A batch, a resolution or a model that is too large, or other programs that hold memory.",
    cure: "Use a smaller batch, or dispose models and programs that you no longer need. `device.memory()` says what is held.",
  },
  ERR_PRECISION_UNAVAILABLE: {
    class: "DeviceError",
    meaning: "The device does not compute in this precision.",
    cause:
      "`f16` and `tf32` need a GPU; `bf16x3` needs a CPU with AMX; `bf16` on a CPU needs AMX (Intel) or AVX512-BF16 at full rate (AMD), since it would be slower elsewhere.",
    cure: "Use `precision: 'f32'`, which works everywhere, or `auto`, which takes `bf16` where it is faster.",
  },
  ERR_QUARANTINED: {
    class: "VideoError",
    meaning: "A video ended the worker that decoded it, several times, and is not handed out any more.",
    cause: "A file that makes a decoder crash or use all memory.",
    cure: "Look at the file with another program. `--retry-failed` tries it again; `--max-crashes` sets the number of workers that it may end.",
  },
  ERR_QUEUE: {
    class: "VideoClipError",
    meaning:
      "The server that hands out the videos of a run cannot be used, or the run is another one than the worker's.",
    cause:
      "The server does not answer, its settings lose jobs, `bullmq` and its driver are not installed, or the worker has other weights, another preset or another version than the run.",
    cure: "The message names the cause. Results are safe in the folder of the run; start the worker again when it is mended.",
  },
  ERR_RENDERER_MISSING: {
    class: "VideoClipError",
    meaning: "A plot cannot be drawn as a PNG picture. The SVG file was written.",
    cause: "The optional packages that render it are not installed.",
    cure: "Run `npm install @resvg/resvg-wasm dejavu-fonts-ttf`, or use the SVG file.",
  },
  ERR_RESULTS_DIFFER: {
    class: "VideoClipError",
    meaning:
      "Two workers of a run made different features of the same video, or an object of a bucket has the name of features and other content.",
    cause:
      "The workers have processors whose instructions round differently, other versions of FFmpeg, or the video was changed during the run. An object that no record names was written by another program, or by a run that was killed before the video changed.",
    cure: "The first result is kept. Run the workers of a run on machines of one kind, and look at the two parts of the manifest that the message names. Delete the object, or give another `--out`.",
  },
  ERR_RUN: {
    class: "VideoClipError",
    meaning: "Native code failed during a run, for a reason without a separate code.",
    cause: "An error of the GPU driver or of the system, whose message is shown, or a fault in this package.",
    cure: "Check the driver with `videoclip doctor`. If it persists, report it with the message.",
  },
  ERR_RUN_EXISTS: {
    class: "VideoClipError",
    meaning: "The folder of a new training run holds a run already.",
    cause: "The folder was used before and `resume` is not set.",
    cure: "Set `resume: true` (`--resume`) to continue that run, or choose another folder.",
  },
  ERR_SHAPE: {
    class: "ShapeError",
    meaning: "The shapes of operands do not fit together.",
    cause: "An array in another layout than documented (channels come last), or a wrong size.",
    cure: "The message names the layer, the expected and the received shape.",
  },
  ERR_STORAGE: {
    class: "StorageError",
    meaning: "A bucket, or a file on the web, cannot be read or written.",
    cause:
      "No credentials or wrong ones, a bucket that does not exist, an endpoint that does not answer, or a server that is out of order for a long time. A single object that is missing or closed is a failure of its video instead.",
    cure: "Correct what the message names; what was finished is saved, go on with `resume: true` (`--resume`). See [object storage](object_storage.md).",
  },
  ERR_TOO_MANY_SKIPPED: {
    class: "DatasetError",
    meaning: "More items of a dataset were left out than the limit allows.",
    cause: "Many entries are unusable: features are missing, or texts are empty. The message counts the reasons.",
    cure: "Correct the dataset, or raise the limit if these losses are acceptable.",
  },
  ERR_TRAINING_DIVERGED: {
    class: "VideoClipError",
    meaning: "Training diverged: gradients of many steps in a row, or an embedding, were not finite.",
    cause: "A learning rate that is too high, or no clipping of gradients.",
    cure: "Resume from an earlier checkpoint with a lower learning rate, or set `maxNorm`.",
  },
  ERR_UNSUPPORTED: {
    class: "DeviceError",
    meaning: "This device, build or system does not support the request.",
    cause: "An operation that has no kernel for the device, or a file that the system cannot map into memory.",
    cure: "Use another device (`device: 'cpu'` has every operation of inference and training), or the alternative in the message.",
  },
  ERR_VIDEO_CORRUPT: {
    class: "VideoError",
    meaning: "The decoder failed inside the video's data.",
    cause: "The file is damaged, or the decoder ended unexpectedly.",
    cure: "Play the file with `ffmpeg -i FILE -f null -` to see what is wrong, and make or fetch it again. `details.time` says where. With `onError` at its default, `skip`, only the clips that touch broken data are left out.",
  },
  ERR_VIDEO_DECODE: {
    class: "VideoError",
    meaning: "Extraction of a video failed for an unforeseen reason.",
    cause: "See `error.cause`, which is the original error.",
    cure: "Act on the original error. The other videos of the extraction are not affected.",
  },
  ERR_VIDEO_DURATION: {
    class: "VideoError",
    meaning: "Clips cannot be spread over a video whose length is unknown.",
    cause: "The container does not say how long the video is.",
    cure: "Use `clips: 1`, or rewrite the container: `ffmpeg -i IN -c copy OUT`.",
  },
  ERR_VIDEO_EMPTY: {
    class: "VideoError",
    meaning: "The file has zero bytes.",
    cause: "A download or a copy that did not begin.",
    cure: "Fetch the file again.",
  },
  ERR_VIDEO_FORMAT: {
    class: "VideoError",
    meaning: "The file is not a video or image that can be decoded.",
    cause: "Another kind of file under the name of a video, or a codec that the decoder does not have.",
    cure: "Look at it with `ffprobe`. Another decoder (`decoder: 'ffmpeg'`) may know the codec.",
  },
  ERR_VIDEO_ITERATED: {
    class: "VideoError",
    meaning: "The clips of an opened video were asked for twice.",
    cause: "A second `for await` over one result of `openVideo`.",
    cure: "Call `openVideo` again: an opened video is a stream and is read once.",
  },
  ERR_VIDEO_NOT_FOUND: {
    class: "VideoError",
    meaning: "There is no such file.",
    cause: "A wrong path, or a relative path from another folder.",
    cure: "Check the path in `details.file`.",
  },
  ERR_VIDEO_NO_FRAMES: {
    class: "VideoError",
    meaning: "The video was read to its end and gave no frame.",
    cause: "A video stream without pictures, or a file that was cut off before the first one.",
    cure: "Fetch the file again, or leave it out.",
  },
  ERR_VIDEO_NO_STREAM: {
    class: "VideoError",
    meaning: "The file has no video stream.",
    cause: "It holds only sound, or nothing.",
    cure: "Pass the file that has the pictures.",
  },
  ERR_VIDEO_TIMEOUT: {
    class: "VideoError",
    meaning: "The decoder gave no frame within the time limit.",
    cause: "A damaged file on which the decoder hangs, or storage that does not answer.",
    cure: "Raise `timeout` (`--timeout`) if the file is large and the storage slow; otherwise leave the file out.",
  },
  ERR_VIDEO_TRUNCATED: {
    class: "VideoError",
    meaning: "The video ends before its declared end. Clips before that point were given.",
    cause: "An incomplete download or recording.",
    cure: "Fetch the file again, or accept what there is with `keepPartial` (`--keep-partial`).",
  },
  ERR_VIDEO_UNREADABLE: {
    class: "VideoError",
    meaning: "The file exists and cannot be read.",
    cause: "Missing permission, a folder in the place of a file, or a failing disk.",
    cure: "The message says which: correct the permission or the path.",
  },
  ERR_WEIGHTS: {
    class: "WeightsError",
    meaning: "A file of weights is broken, unsafe or does not fit the model.",
    cause: "An incomplete download, a checkpoint of another model, or a pickle that would execute code.",
    cure: "Compare the model with the file: `videoclip inspect FILE` lists its tensors. `details.key` and `details.byte` say where.",
  },
  ERR_WRITE: {
    class: "VideoClipError",
    meaning: "An output file cannot be written.",
    cause: "A full disk, missing permission, or a folder that does not exist.",
    cure: "Free space or choose another path. The message has the code of the system.",
  },
} as const satisfies Record<string, ErrorEntry>;

/** The stable name of a kind of failure, such as `ERR_SHAPE`. docs/errors.md explains every one. */
export type ErrorCode = keyof typeof ERROR_CODES;
