// The tile registers of AMX, as every family that uses them configures them.
//
// Internal linkage, as every file is compiled for its own instruction set.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace cider {
namespace {

struct TileShape {
  uint32_t rows = 16;
  uint32_t row_bytes = 64;
};

// Configures the registers for as long as it lives. They are in their initial state afterwards, which keeps switches
// between threads cheap.
class TileRegisters {
public:
  TileRegisters() : TileRegisters({}, {}, {}) {}

  // Registers 0 … 3, 4 and 5, 6 and 7.
  TileRegisters(TileShape first, TileShape second, TileShape third) {
    alignas(64) struct {
      uint8_t palette, start_row, reserved[14];
      uint16_t row_bytes[16];
      uint8_t rows[16];
    } config = {};
    config.palette = 1;
    for (int tile = 0; tile < 8; tile++) {
      const TileShape &shape = tile < 4 ? first : tile < 6 ? second : third;
      config.row_bytes[tile] = static_cast<uint16_t>(shape.row_bytes);
      config.rows[tile] = static_cast<uint8_t>(shape.rows);
    }
    _tile_loadconfig(&config);
  }

  ~TileRegisters() { _tile_release(); }
  TileRegisters(const TileRegisters &) = delete;
  TileRegisters &operator=(const TileRegisters &) = delete;
};

} // namespace
} // namespace cider
