#ifndef OPENTIER_GUMBO_H
#define OPENTIER_GUMBO_H

#include <gumbo.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Gumbo has no limits of its own: a few kilobytes of HTML can make it build millions of nodes or search for hours, it
// does not survive an allocator that fails, and it frees its tree recursively. So all it allocates is kept in a scope
// with a budget of memory and time; when one runs out the parse is left with longjmp, which only crosses frames of
// gumbo, and everything is freed from the scope's list, without recursion.

/// How a parse ended.
typedef enum GumboOutcome {
  GumboOutcomeParsed = 0,
  GumboOutcomeOutOfMemory,
  GumboOutcomeOutOfTime,
  GumboOutcomeCancelled,
} GumboOutcome;

/// What precedes each allocation; 32 bytes, so that what follows stays aligned to 16.
typedef struct GumboAllocation {
  struct GumboAllocation *previous;
  struct GumboAllocation *next;
  size_t size;
  size_t unused;
} GumboAllocation;

/// One parse: its tree, its memory and its limits.
typedef struct GumboScope {
  GumboOutput *output;
  GumboAllocation allocations;  // a ring; this one is its empty head
  size_t used;
  size_t budget;
  int64_t deadline;  // nanoseconds of the monotonic clock
  uint64_t calls;
  int cancelled;  // atomic
  jmp_buf escape;
} GumboScope;

static inline int64_t gumbo_scope_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static inline void *gumbo_scope_allocate(void *userdata, size_t size) {
  GumboScope *scope = (GumboScope *)userdata;
  if (__atomic_load_n(&scope->cancelled, __ATOMIC_RELAXED)) longjmp(scope->escape, GumboOutcomeCancelled);
  if ((++scope->calls & 255) == 0 && gumbo_scope_now() > scope->deadline) {
    longjmp(scope->escape, GumboOutcomeOutOfTime);
  }
  size_t total = size + sizeof(GumboAllocation);
  if (total < size || total > scope->budget - scope->used) longjmp(scope->escape, GumboOutcomeOutOfMemory);
  GumboAllocation *allocation = (GumboAllocation *)malloc(total);
  if (!allocation) longjmp(scope->escape, GumboOutcomeOutOfMemory);
  scope->used += total;
  allocation->size = total;
  allocation->previous = &scope->allocations;
  allocation->next = scope->allocations.next;
  allocation->next->previous = allocation;
  scope->allocations.next = allocation;
  return allocation + 1;
}

static inline void gumbo_scope_deallocate(void *userdata, void *pointer) {
  if (!pointer) return;
  GumboAllocation *allocation = (GumboAllocation *)pointer - 1;
  allocation->previous->next = allocation->next;
  allocation->next->previous = allocation->previous;
  ((GumboScope *)userdata)->used -= allocation->size;
  free(allocation);
}

/// Makes a scope that may use `budget` bytes; NULL when there is no memory.
static inline GumboScope *gumbo_scope_create(size_t budget) {
  GumboScope *scope = (GumboScope *)calloc(1, sizeof(GumboScope));
  if (!scope) return NULL;
  scope->allocations.previous = &scope->allocations;
  scope->allocations.next = &scope->allocations;
  scope->budget = budget;
  return scope;
}

/// Parses UTF-8 within `nanoseconds`; the tree in `scope->output` points into `text` and lives as long as the scope.
/// Call it once for each scope.
static inline GumboOutcome gumbo_scope_parse(
    GumboScope *scope, const char *text, size_t length, int64_t nanoseconds) {
  GumboOptions options = kGumboDefaultOptions;
  options.allocator = &gumbo_scope_allocate;
  options.deallocator = &gumbo_scope_deallocate;
  options.userdata = scope;
  options.max_errors = 0;
  scope->deadline = gumbo_scope_now() + nanoseconds;
  int outcome = setjmp(scope->escape);
  if (outcome == 0) scope->output = gumbo_parse_with_options(&options, text, length);
  return (GumboOutcome)outcome;
}

/// Makes the parse that runs in the scope stop soon; may be called on any thread.
static inline void gumbo_scope_cancel(GumboScope *scope) {
  __atomic_store_n(&scope->cancelled, 1, __ATOMIC_RELAXED);
}

/// Frees the scope and everything in it.
static inline void gumbo_scope_destroy(GumboScope *scope) {
  GumboAllocation *allocation = scope->allocations.next;
  while (allocation != &scope->allocations) {
    GumboAllocation *next = allocation->next;
    free(allocation);
    allocation = next;
  }
  free(scope);
}

/// The element of an element or template node.
static inline const GumboElement *gumbo_element(const GumboNode *node) { return &node->v.element; }

/// The characters of a text, CDATA or white-space node.
static inline const char *gumbo_text(const GumboNode *node) { return node->v.text.text; }

/// How many bytes those are.
static inline size_t gumbo_text_length(const GumboNode *node) { return strlen(node->v.text.text); }

#endif
