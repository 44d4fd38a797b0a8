import { Command } from "commander";
import { featuresCheck } from "./features_check.js";
import { featuresExport } from "./features_export.js";
import { featuresMerge } from "./features_merge.js";

/** `videoclip features`: work on the folders that extraction writes. */
export const featuresCommand = (): Command =>
  new Command("features")
    .description("Check, merge and export the folders of features that `videoclip extract` writes")
    .addCommand(featuresCheck())
    .addCommand(featuresMerge())
    .addCommand(featuresExport());
