// Runs one product of two matrices of 768 x 768, of ELEMENT, without a C library, under an emulator that counts
// instructions. The exit status is 0 if the sum of the result's first row is right.
#define SIZE 768
static ELEMENT a[SIZE * SIZE] __attribute__((aligned(256))), b[SIZE * SIZE] __attribute__((aligned(256)));
static float c[SIZE * SIZE] __attribute__((aligned(256)));
static char scratch[16 << 20] __attribute__((aligned(256)));
extern const long kinu_tasks, kinu_scratch_bytes;
void dot(void *const *buffers, void *scratch, long begin, long end);

void finish(int status) {
  register long number asm("x8") = 94; // exit_group
  register long argument asm("x0") = status;
  asm volatile("svc 0" : : "r"(number), "r"(argument));
}

// The emulator starts at the operand's first instruction; what prepares the operands is a few instructions for each of
// their rows, so that it does not count.
void _start(void) {
  if (kinu_scratch_bytes > (long)sizeof scratch)
    finish(2);
  for (long i = 0; i < SIZE; ++i) {
    a[i * SIZE + i] = 2; // twice the identity, whichever way it is read
    b[i] = b[i * SIZE] = 1;
  }
  void *buffers[] = {a, b, c};
  dot(buffers, scratch, 0, kinu_tasks);
  float sum = 0;
  for (long i = 0; i < SIZE; ++i)
    sum += c[i];
  finish(sum != 2 * SIZE);
}
