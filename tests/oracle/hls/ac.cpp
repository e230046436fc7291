// Siemens' ac_fixed.
#include "ac_fixed.h"
#include "vectors.hpp"

template <int W, int F, bool S, ac_q_mode Q = AC_TRN, ac_o_mode O = AC_WRAP, int N = 0>
using Word = ac_fixed<W, W - F, S, Q, O>;

template <int W, int I, bool S, ac_q_mode Q, ac_o_mode O>
Block format(const ac_fixed<W, I, S, Q, O>&) {
  return {W, W - I, S};
}

template <int W, int I, bool S, ac_q_mode Q, ac_o_mode O>
void put(ac_fixed<W, I, S, Q, O>& word, int64_t code) {
  word.set_slc(0, ac_int<W, S>(code));
}

template <int W, int I, bool S, ac_q_mode Q, ac_o_mode O>
int64_t get(const ac_fixed<W, I, S, Q, O>& word) {
  return word.template slc<W>(0).to_int64();
}

#include "checks.hpp"

int main() {
#include "table.inc"
}
