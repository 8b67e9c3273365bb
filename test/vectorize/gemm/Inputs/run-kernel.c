// Runs one product of two matrices of SIZE x SIZE, of ELEMENT, without a C library, under an emulator that counts
// instructions. The exit status is 0 if the sum of the result's first row is right.
#define SIZE ROWS
#include "freestanding.h"

// What prepares the operands is a few instructions for each of their rows, so that it does not count.
void _start(void) {
  for (long i = 0; i < SIZE; ++i) {
    a[i * SIZE + i] = 2; // twice the identity, whichever way it is read
    b[i] = b[i * SIZE] = 1;
  }
  multiply();
  float sum = 0;
  for (long i = 0; i < SIZE; ++i)
    sum += c[i];
  finish(sum != 2 * SIZE);
}
