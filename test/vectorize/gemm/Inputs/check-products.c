// Runs one product of ROWS x SUMS by SUMS x COLUMNS, of random numbers of ELEMENT in [-2, 2), without a C library, under
// an emulator, and compares it with sums in double. Prints the largest error of an element in thousandths of u |A| |B|, u
// being 2^-24, and the relative error of the whole in the quadratic mean, times 10^9. TERMS is how many products are summed in
// fp16, 0 for none. The exit status is 0 if every element is within the bound of docs/numerics.md and the mean error at
// most 1.5e-3.
#define MAX(x, y) ((x) > (y) ? (x) : (y))
#include "freestanding.h"

static void print(const char *text, long length) {
  register long number asm("x8") = 64, file asm("x0") = 1; // write
  register const char *from asm("x1") = text;
  register long count asm("x2") = length;
  asm volatile("svc 0" : "+r"(file) : "r"(number), "r"(from), "r"(count) : "memory");
}

static void printNumber(const char *name, long length, double value) {
  char digits[24];
  int first = 24;
  digits[--first] = '\n';
  long rest = (long)(value + 0.5);
  do
    digits[--first] = (char)('0' + rest % 10);
  while (rest /= 10);
  print(name, length);
  print(digits + first, 24 - first);
}

static double randomNumber(void) {
  static unsigned long state = 88172645463325252;
  state ^= state << 13, state ^= state >> 7, state ^= state << 17; // Marsaglia's xorshift
  return (double)(state >> 11) * 0x1p-51 - 2;
}

void _start(void) {
  for (long i = 0; i < ROWS * SUMS; ++i)
    a[i] = (ELEMENT)randomNumber();
  for (long i = 0; i < SUMS * COLUMNS; ++i)
    b[i] = (ELEMENT)randomNumber();
  for (long i = 0; i < ROWS * COLUMNS; ++i)
    c[i] = __builtin_nanf("");
  multiply();

  double bound = SUMS + 1 + (TERMS ? 0x1p13 * (TERMS < SUMS ? TERMS : SUMS) : 0); // 2^-11 is 2^13 u
  double worst = 0, errors = 0, squares = 0;
  int bad = 0;
  for (long row = 0; row < ROWS; ++row)
    for (long column = 0; column < COLUMNS; ++column) {
      double sum = 0, size = 0;
      for (long k = 0; k < SUMS; ++k) {
        double product = (double)a[row * SUMS + k] * (double)b[k * COLUMNS + column];
        sum += product;
        size += __builtin_fabs(product);
      }
      double error = __builtin_fabs((double)c[row * COLUMNS + column] - sum);
      bad |= !(error <= bound * 0x1p-24 * size);
      worst = MAX(worst, error / (0x1p-24 * size));
      errors += error * error;
      squares += sum * sum;
    }
  printNumber("at most, 1e-3 u |A| |B|: ", 25, worst * 1e3);
  printNumber("bound, 1e-3 u |A| |B|: ", 23, bound * 1e3);
  double mean = 0;
  asm("fsqrt %d0, %d1" : "=w"(mean) : "w"(errors / squares));
  printNumber("relative RMS error, 1e-9: ", 26, mean * 1e9);
  finish(bad || !(mean <= 1.5e-3) || (TERMS && !(mean >= 1e-4))); // TERMS: else it was not summed in fp16
}
