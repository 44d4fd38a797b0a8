# One line per op: cpp/ops/<op>.h is its contract, cpp/cpu/<op>.cc its CPU kernel, cuda/<op>.cu its CUDA kernel.
set(VIDEOCLIP_OPS
  attention
  avg_pool3d
  batch_norm
  binary
  cast
  concat
  contrastive_loss
  conv3d
  conv3d_bf16
  embedding
  fold_conv_bias
  fold_conv_weight
  global_mean
  layer_norm
  linear
  max_pool3d
  pack_conv_weight
  pack_conv_weight_bf16
  pack_winograd_weight
  permute
  preprocess
  reduce_max
  scale_channels
  slice
  softmax
  space_to_depth
  top_k
  unary
  winograd_conv3d
)

# The ops that have a CUDA kernel.
set(VIDEOCLIP_CUDA_OPS
  cast
)
