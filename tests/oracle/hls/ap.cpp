// AMD's ap_fixed.
#include <type_traits>
#include "ap_fixed.h"
#include "vectors.hpp"

template <int W, int F, bool S, ap_q_mode Q = AP_TRN, ap_o_mode O = AP_WRAP, int N = 0>
using Word = std::conditional_t<S, ap_fixed<W, W - F, Q, O, N>, ap_ufixed<W, W - F, Q, O, N>>;

template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O, int N>
Block format(const ap_fixed_base<W, I, S, Q, O, N>&) {
  return {W, W - I, S};
}

template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O, int N>
void put(ap_fixed_base<W, I, S, Q, O, N>& word, int64_t code) {
  ap_int_base<W, S> bits = code;
  word.V = bits.V;
}

template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O, int N>
int64_t get(const ap_fixed_base<W, I, S, Q, O, N>& word) {
  ap_int_base<W, S> bits;
  bits.V = word.V;
  return bits.to_int64();
}

#include "checks.hpp"

int main() {
#include "table.inc"
}
