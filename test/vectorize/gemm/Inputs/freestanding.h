// What programs share that run the kernel `dot` of ROWS x SUMS by SUMS x COLUMNS elements of ELEMENT under an emulator,
// without a C library.
static ELEMENT a[ROWS * SUMS] __attribute__((aligned(256))), b[SUMS * COLUMNS] __attribute__((aligned(256)));
static float c[ROWS * COLUMNS] __attribute__((aligned(256)));
static char scratch[16 << 20] __attribute__((aligned(256)));
extern const long kinu_tasks, kinu_scratch_bytes;
void dot(void *const *buffers, void *scratch, long begin, long end);

static void finish(int status) {
  register long number asm("x8") = 94; // exit_group
  register long argument asm("x0") = status;
  asm volatile("svc 0" : : "r"(number), "r"(argument));
  __builtin_unreachable();
}

// Multiplies a by b into c.
static void multiply(void) {
  void *buffers[] = {a, b, c};
  if (kinu_scratch_bytes > (long)sizeof scratch)
    finish(2);
  dot(buffers, scratch, 0, kinu_tasks);
}
