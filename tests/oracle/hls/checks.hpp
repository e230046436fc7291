// What is asked of either library.  A library's own file defines
//   Word<W, F, S, Q, O, N>  a type of W bits, F of them fraction
//   put(word, code), get(word)  the integer in a word
//   format(word)  bits, fraction bits and sign of any type of the library
#pragma once
#include "vectors.hpp"

template <class From, class To>
void cast_codes() {
  Block block = read_block();
  for (auto& code : block) {
    From from;
    put(from, code);
    To to = from;
    code = get(to);
  }
  write_block(block);
}

template <class To>
void quantize_doubles() {
  Block block = read_block();
  for (auto& code : block) {
    To to = as_double(code);
    code = get(to);
  }
  write_block(block);
}

// Every result in full precision: its format, then its codes.
template <class A, class B>
void arithmetic() {
  const Block left = read_block(), right = read_block();
  A a;
  B b;
  for (auto& each : {format(a + b), format(a - b), format(a * b), format(-a)}) write_block(each);
  for (size_t i = 0; i < left.size(); ++i) {
    put(a, left[i]);
    put(b, right[i]);
    write_block({get(a + b), get(a - b), get(a * b), get(-a), a < b, a == b});
  }
}

// The four chains below add `length` products in words of type Acc, and write what it holds.
template <class A, class B, class Acc>
void chain(size_t length) {
  const Block left = read_block(), right = read_block();
  A a;
  B b;
  Acc acc;
  for (size_t i = 0; i < left.size(); ++i) {
    if (i % length == 0) acc = 0;
    put(a, left[i]);
    put(b, right[i]);
    acc = acc + a * b;
    write_block({get(acc)});
  }
}

template <class A, class B, class Product, class Acc>
void chain_of_products(size_t length) {
  const Block left = read_block(), right = read_block();
  A a;
  B b;
  Acc acc;
  for (size_t i = 0; i < left.size(); ++i) {
    if (i % length == 0) acc = 0;
    put(a, left[i]);
    put(b, right[i]);
    Product product = a * b;
    acc = acc + product;
    write_block({get(acc)});
  }
}

template <class A, class B, class Acc, class Outer>
void chain_with_spill(size_t length, size_t every) {
  const Block left = read_block(), right = read_block();
  A a;
  B b;
  Acc acc;
  Outer outer;
  for (size_t i = 0; i < left.size(); ++i) {
    const size_t step = i % length;
    if (step == 0) acc = 0, outer = 0;
    put(a, left[i]);
    put(b, right[i]);
    acc = acc + a * b;
    if ((step + 1) % every == 0 || step + 1 == length) {
      outer = outer + acc;
      acc = 0;
    }
    if (step + 1 == length) write_block({get(outer)});
  }
}

// Four lanes, added pairwise in the accumulator's own word.
template <class A, class B, class Acc>
void four_lanes(size_t length) {
  const Block left = read_block(), right = read_block();
  A a;
  B b;
  Acc lanes[4];
  for (size_t i = 0; i < left.size(); ++i) {
    const size_t step = i % length;
    if (step == 0)
      for (auto& lane : lanes) lane = 0;
    put(a, left[i]);
    put(b, right[i]);
    lanes[step % 4] = lanes[step % 4] + a * b;
    if (step + 1 < length) continue;
    Acc low = lanes[0] + lanes[1], high = lanes[2] + lanes[3];
    Acc total = low + high;
    write_block({get(total)});
  }
}

// An adder tree over each four products with words of type Node, then one addition.
template <class A, class B, class Node, class Acc>
void trees_of_four(size_t length) {
  const Block left = read_block(), right = read_block();
  A a[4];
  B b[4];
  Acc acc;
  for (size_t i = 0; i < left.size(); i += 4) {
    if (i % length == 0) acc = 0;
    for (size_t j = 0; j < 4; ++j) put(a[j], left[i + j]), put(b[j], right[i + j]);
    Node low = a[0] * b[0] + a[1] * b[1], high = a[2] * b[2] + a[3] * b[3];
    Node node = low + high;
    acc = acc + node;
    if ((i + 4) % length == 0) write_block({get(acc)});
  }
}
