import { Command } from "commander";
import { featuresCheckCommand } from "./features_check.js";
import { featuresMergeCommand } from "./features_merge.js";

/** `videoclip features`: work on the folders that extraction writes. */
export const featuresCommand = (): Command =>
  new Command("features")
    .description("Check and merge the folders of features that videoclip extract writes")
    .addCommand(featuresCheckCommand())
    .addCommand(featuresMergeCommand());
