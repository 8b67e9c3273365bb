#include "EmulatedMachines.h"

#include "TileEmulator.h"

using namespace kinu;

machines::Machine test::withTiles() {
  machines::Machine machine = machines::detectLocal();
#ifdef __x86_64__
  if (machine.hasAmx || machine.vectorBits < 512 || !machine.hasBf16)
    return machine;
  emulateTiles();
  machine.hasAmx = true;
  machine.features += ",+amx-tile,+amx-bf16";
#endif
  return machine;
}

machines::Machine test::withHalfs() {
  machines::Machine machine = machines::detectLocal();
  machine.hasFp16 = machine.convertsFp16 = true;
  return machine;
}
