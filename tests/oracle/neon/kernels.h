#define KERNELS(use) \
    use(i8_n1, 8, 16, 1) use(i8_n2, 8, 16, 1) use(i8_n32, 8, 16, 1) use(i8_acc16, 8, 16, 1) \
    use(w4_smlal_n32, 8, 8, 1) use(i8_sdot, 32, 16, 1) use(f32_fmla, 32, 64, 4)

/* Outputs of a block, bytes of 16 weights, bytes of an input. */
#define DECLARE(name, rows, weight_bytes, input_bytes) \
    void name(const void *weights, const void *inputs, void *outputs, long steps);
KERNELS(DECLARE)
