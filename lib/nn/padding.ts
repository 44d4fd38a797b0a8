export { type Padding, paddingEnds } from "../graph/ops/padding.js";
