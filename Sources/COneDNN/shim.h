#ifndef OPENTIER_ONEDNN_H
#define OPENTIER_ONEDNN_H

#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Linear layers in bfloat16 by oneDNN 2.6 or later of its second version. Each call stays on its thread, and any number of
// threads may use the same code and weights.

// Rows are computed in whole steps: what is passed must have room for its rows rounded up to ONEDNN_STEP.
enum { ONEDNN_STEP = 16, ONEDNN_SIZES = 16, ONEDNN_ROWS = ONEDNN_STEP * ONEDNN_SIZES };

/// The code for layers of one shape, at each height of a batch up to ONEDNN_ROWS rows.
typedef struct OneDNNShape {
  dnnl_engine_t engine;
  size_t outputs;
  size_t inputs;
  size_t scratch;  // bytes that a call needs
  dnnl_memory_desc_t weights;  // the layout that the code wants
  dnnl_memory_desc_t bias;
  dnnl_memory_desc_t sources[ONEDNN_SIZES];
  dnnl_memory_desc_t targets[ONEDNN_SIZES];
  dnnl_memory_desc_t scratches[ONEDNN_SIZES];
  dnnl_primitive_t primitives[ONEDNN_SIZES];
} OneDNNShape;

/// Whether this processor multiplies matrices of bfloat16 in hardware (AMX), and so several times faster than floats.
static inline int onednn_has_matrix_unit(void) {
  return dnnl_get_effective_cpu_isa() == dnnl_cpu_isa_avx512_core_amx;
}

/// Keeps the calling thread's later calls on that thread. Which OpenMP the library was built with is its own affair, so
/// the function is looked up.
static inline void onednn_use_one_thread(void) {
  void (*set_threads)(int) = (void (*)(int))dlsym(RTLD_DEFAULT, "omp_set_num_threads");
  if (set_threads) set_threads(1);
}

/// Frees the code; layers packed for it are freed by themselves.
static inline void onednn_shape_destroy(OneDNNShape *shape) {
  if (!shape) return;
  for (int i = 0; i < ONEDNN_SIZES; i++)
    if (shape->primitives[i]) dnnl_primitive_destroy(shape->primitives[i]);
  if (shape->engine) dnnl_engine_destroy(shape->engine);
  free(shape);
}

// The code for one height; the largest, made first, chooses the layout of the weights for all.
static inline dnnl_status_t onednn_shape_add(OneDNNShape *shape, int size, int chooses) {
  dnnl_dims_t rows = {(size + 1) * ONEDNN_STEP, (dnnl_dim_t)shape->inputs};
  dnnl_dims_t columns = {(size + 1) * ONEDNN_STEP, (dnnl_dim_t)shape->outputs};
  dnnl_dims_t matrix = {(dnnl_dim_t)shape->outputs, (dnnl_dim_t)shape->inputs};
  dnnl_dims_t vector = {(dnnl_dim_t)shape->outputs};
  dnnl_memory_desc_t source, target, weights = shape->weights;
  dnnl_memory_desc_init_by_tag(&source, 2, rows, dnnl_bf16, dnnl_ab);
  dnnl_memory_desc_init_by_tag(&target, 2, columns, dnnl_f32, dnnl_ab);
  dnnl_memory_desc_init_by_tag(&shape->bias, 1, vector, dnnl_f32, dnnl_a);
  if (chooses) dnnl_memory_desc_init_by_tag(&weights, 2, matrix, dnnl_bf16, dnnl_format_tag_any);
  dnnl_inner_product_desc_t layer;
  dnnl_status_t status = dnnl_inner_product_forward_desc_init(
    &layer, dnnl_forward_inference, &source, &weights, &shape->bias, &target);
  if (status != dnnl_success) return status;
  dnnl_primitive_attr_t attributes = NULL;
  status = dnnl_primitive_attr_create(&attributes);
  if (status != dnnl_success) return status;
  dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
  dnnl_primitive_desc_t description = NULL;
  status = dnnl_primitive_desc_create(&description, &layer, attributes, shape->engine, NULL);
  dnnl_primitive_attr_destroy(attributes);
  if (status != dnnl_success) return status;
  shape->sources[size] = source;
  shape->targets[size] = target;
  shape->scratches[size] = *dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
  if (chooses) shape->weights = *dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0);
  size_t scratch = dnnl_memory_desc_get_size(&shape->scratches[size]);
  if (scratch > shape->scratch) shape->scratch = scratch;
  status = dnnl_primitive_create(&shape->primitives[size], description);
  dnnl_primitive_desc_destroy(description);
  return status;
}

/// Makes the code for layers of a shape; NULL where the processor or the library cannot.
static inline OneDNNShape *onednn_shape_create(size_t outputs, size_t inputs) {
  OneDNNShape *shape = (OneDNNShape *)calloc(1, sizeof(OneDNNShape));
  if (!shape) return NULL;
  onednn_use_one_thread();
  shape->outputs = outputs;
  shape->inputs = inputs;
  dnnl_status_t status = dnnl_engine_create(&shape->engine, dnnl_cpu, 0);
  for (int size = ONEDNN_SIZES - 1; size >= 0 && status == dnnl_success; size--)
    status = onednn_shape_add(shape, size, size == ONEDNN_SIZES - 1);
  if (status == dnnl_success) return shape;
  onednn_shape_destroy(shape);
  return NULL;
}

/// The bytes of a packed layer.
static inline size_t onednn_packed_size(const OneDNNShape *shape) { return dnnl_memory_desc_get_size(&shape->weights); }

/// Packs the weights of a layer, outputs × inputs; where that fails no packed weight is a number.
static inline void onednn_pack(const OneDNNShape *shape, const float *weights, void *packed) {
  dnnl_dims_t matrix = {(dnnl_dim_t)shape->outputs, (dnnl_dim_t)shape->inputs};
  dnnl_memory_desc_t plain;
  dnnl_memory_desc_init_by_tag(&plain, 2, matrix, dnnl_f32, dnnl_ab);
  dnnl_memory_t from = NULL, to = NULL;
  dnnl_primitive_desc_t description = NULL;
  dnnl_primitive_t reorder = NULL;
  dnnl_stream_t stream = NULL;
  dnnl_status_t status = dnnl_memory_create(&from, &plain, shape->engine, (void *)weights);
  if (status == dnnl_success) status = dnnl_memory_create(&to, &shape->weights, shape->engine, packed);
  if (status == dnnl_success)
    status = dnnl_reorder_primitive_desc_create(
      &description, &plain, shape->engine, &shape->weights, shape->engine, NULL);
  if (status == dnnl_success) status = dnnl_primitive_create(&reorder, description);
  if (status == dnnl_success) status = dnnl_stream_create(&stream, shape->engine, dnnl_stream_default_flags);
  if (status == dnnl_success) {
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    status = dnnl_primitive_execute(reorder, stream, 2, arguments);
    if (status == dnnl_success) status = dnnl_stream_wait(stream);
  }
  if (stream) dnnl_stream_destroy(stream);
  if (reorder) dnnl_primitive_destroy(reorder);
  if (description) dnnl_primitive_desc_destroy(description);
  if (to) dnnl_memory_destroy(to);
  if (from) dnnl_memory_destroy(from);
  if (status != dnnl_success) memset(packed, 0xFF, dnnl_memory_desc_get_size(&shape->weights));
}

/// Rounds floats to bfloat16, halves to even; what is not a number stays so.
static inline void onednn_round(const float *x, size_t n, uint16_t *out) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, sizeof bits);
    uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    out[i] = (uint16_t)((bits & 0x7FFFFFFF) > 0x7F800000 ? bits >> 16 | 0x40 : rounded);
  }
}

/// y = x Wᵀ + bias over `rows` rows, at most ONEDNN_ROWS; where that fails no element of y is a number.
///   x, y     rows without gaps, with room for the rows rounded up; what is there beyond `rows` must be readable
///   scratch  `shape->scratch` bytes, on a cache line's boundary
static inline void onednn_apply(
  const OneDNNShape *shape, const void *packed, const float *bias, const uint16_t *x, size_t rows, float *y,
  void *scratch) {
  if (rows == 0) return;
  if (rows > ONEDNN_ROWS) abort();  // a caller's mistake, which would write past what it has
  onednn_use_one_thread();
  size_t size = (rows - 1) / ONEDNN_STEP;
  const dnnl_memory_desc_t *descriptions[] = {
    &shape->sources[size], &shape->weights, &shape->bias, &shape->targets[size], &shape->scratches[size]};
  void *buffers[] = {(void *)x, (void *)packed, (void *)bias, y, scratch};
  int names[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD};
  dnnl_exec_arg_t arguments[5];
  memset(arguments, 0, sizeof arguments);
  dnnl_stream_t stream = NULL;
  dnnl_status_t status = dnnl_stream_create(&stream, shape->engine, dnnl_stream_default_flags);
  for (int i = 0; i < 5 && status == dnnl_success; i++) {
    arguments[i].arg = names[i];
    status = dnnl_memory_create(&arguments[i].memory, descriptions[i], shape->engine, buffers[i]);
  }
  if (status == dnnl_success) status = dnnl_primitive_execute(shape->primitives[size], stream, 5, arguments);
  if (status == dnnl_success) status = dnnl_stream_wait(stream);
  for (int i = 0; i < 5; i++)
    if (arguments[i].memory) dnnl_memory_destroy(arguments[i].memory);
  if (stream) dnnl_stream_destroy(stream);
  if (status != dnnl_success) memset(y, 0xFF, rows * shape->outputs * sizeof(float));
}

#endif
