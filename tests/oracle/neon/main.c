/* kernel outputs steps < weights, then inputs > outputs: runs a layer, block by block. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

static const struct {
    const char *name;
    void (*run)(const void *, const void *, void *, long);
    long rows, weight_bytes, input_bytes;
} kernels[] = {
#define ENTRY(name, rows, weight_bytes, input_bytes) {#name, name, rows, weight_bytes, input_bytes},
    KERNELS(ENTRY)};

int main(int count, char **arguments) {
    if (count != 4) return 2;
    long outputs = atol(arguments[2]), steps = atol(arguments[3]);
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        if (strcmp(kernels[i].name, arguments[1])) continue;
        long rows = kernels[i].rows, block = rows * steps * kernels[i].weight_bytes;
        long inputs = 16 * steps * kernels[i].input_bytes;
        char *weights = malloc(block * (outputs / rows)), *x = malloc(inputs);
        char *y = calloc(outputs, 4);
        if (fread(weights, 1, block * (outputs / rows), stdin) != (size_t)(block * (outputs / rows)) ||
            fread(x, 1, inputs, stdin) != (size_t)inputs)
            return 3;
        for (long b = 0; b < outputs / rows; b++)
            kernels[i].run(weights + b * block, x, y + 4 * rows * b, steps);
        fwrite(y, 4, outputs, stdout);
        return 0;
    }
    return 4;
}
