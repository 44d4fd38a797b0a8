import { Command } from "commander";
import { featuresExportSubcommand } from "./features_export.js";

/** `videoclip features`: works on folders of features. */
export const featuresCommand = (): Command =>
  new Command("features").description("Work on folders of features").addCommand(featuresExportSubcommand());
