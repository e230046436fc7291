// Blocks of 64-bit integers: read from standard input, written to standard output.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

using Block = std::vector<int64_t>;

inline Block read_block() {
  int64_t length = 0;
  if (std::fread(&length, sizeof length, 1, stdin) != 1) std::abort();
  Block block(length);
  if (std::fread(block.data(), sizeof(int64_t), length, stdin) != size_t(length)) std::abort();
  return block;
}

inline void write_block(const Block& block) {
  std::fwrite(block.data(), sizeof(int64_t), block.size(), stdout);
}

inline double as_double(int64_t bits) {
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
