# The GPU file, videoclip.gpu beside the addon: the kernels as device code for each architecture, without host code. One
# file serves the addons of all processors and systems.
if(VIDEOCLIP_CUDA_ARCHITECTURES STREQUAL "all")
  set(architectures
    80-real         # A100, A30
    86-real         # RTX 30, A10, A40
    89-real         # RTX 40, L4, L40
    90a-real        # H100, H200: with the instructions of this generation alone
    100-real        # B200
    120-real        # RTX 50
    120-virtual)    # what comes after, compiled by its driver
else()
  set(architectures ${VIDEOCLIP_CUDA_ARCHITECTURES})
endif()
set(NVCC_OPTIONS -fatbin --threads 2 -std=c++17 -O3 -Xptxas=-v -compress-mode=size --expt-relaxed-constexpr
  -I${CMAKE_CURRENT_SOURCE_DIR}/native -I${CMAKE_CURRENT_SOURCE_DIR}/native/cpp)
foreach(architecture ${architectures})
  string(REGEX REPLACE "-.*" "" number ${architecture})
  if(architecture MATCHES "-real$")
    list(APPEND NVCC_OPTIONS -gencode arch=compute_${number},code=sm_${number})
  elseif(architecture MATCHES "-virtual$")
    list(APPEND NVCC_OPTIONS -gencode arch=compute_${number},code=compute_${number})
  else()
    list(APPEND NVCC_OPTIONS "-gencode" "arch=compute_${number},code=[sm_${number},compute_${number}]")
  endif()
endforeach()

set(images "")
foreach(op ${VIDEOCLIP_CUDA_OPS})
  set(image ${CMAKE_CURRENT_BINARY_DIR}/device_code/${op}.fatbin)
  get_filename_component(folder ${image} DIRECTORY)
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(OUTPUT ${image}
    DEPENDS native/cuda/${op}.cu scripts/log_compile.sh
    DEPFILE ${image}.d
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/scripts/log_compile.sh ${VIDEOCLIP_NVCC} ${NVCC_OPTIONS} -MD -MF ${image}.d
      ${CMAKE_CURRENT_SOURCE_DIR}/native/cuda/${op}.cu -o ${image}
    COMMENT "Compiling ${op}.cu for GPUs"
    VERBATIM)
  list(APPEND images ${image})
endforeach()

find_program(VIDEOCLIP_NODE node REQUIRED)
set(GPU_FILE ${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/videoclip.gpu)
add_custom_command(OUTPUT ${GPU_FILE}
  DEPENDS ${images} scripts/join_kernels.mjs
  COMMAND ${VIDEOCLIP_NODE} ${CMAKE_CURRENT_SOURCE_DIR}/scripts/join_kernels.mjs ${GPU_FILE} ${images}
  VERBATIM)
add_custom_target(gpu_file DEPENDS ${GPU_FILE})  # a target of its own: nvcc takes minutes, and most builds do without
add_custom_target(videoclip_and_gpu_file DEPENDS videoclip gpu_file)
