"""Which word lengths does a front end need?

Swelling noise stands in for speech here: put recordings of your own in its place.
"""

import numpy as np

import fxpsim as fx
from fxpsim.frontend.lfbe import Lfbe
from fxpsim.frontend.widths import front_end_sweep, narrowest, one_at_a_time
from fxpsim.kws.signals import coloured_noise, to_int16

rng = np.random.default_rng(0)
swell = np.sin(np.linspace(0, 4 * np.pi, 16000)) ** 4
audio = np.stack(
    [to_int16(0.3 / 3**i * swell * coloured_noise(rng, 16000, i / 3)) for i in range(8)]
)

points = one_at_a_time(
    Lfbe(), data_bits=(14, 12, 10, 8), scaling=("fixed",), mel_weight_bits=(4, 2)
)
table = front_end_sweep(points, audio, fx.load("kws250k-8bit"))
columns = ["data_bits", "scaling", "mel_weight_bits", "snr_spectrum", "snr_codes", "equal_codes"]
print(table[[*columns, "agreement", "buffer_bytes"]].round(3).to_string(index=False))

found = narrowest(Lfbe(data_bits=18), audio, loss_db=3, order=("data_bits", "twiddle_bits"))
print(f"\nwithin 3 dB: FFT words of {found.data_bits} bits, factors of {found.twiddle_bits}")
