"""Packs scikit-learn's handwritten digits into src/digits.bin and prints the checksums that the tests of digits.rs hold.

Run: python3 scripts/pack_digits.py        (needs scikit-learn; made with 1.9.1)

Format: one record of 41 bytes per image: 8 pixel rows of 5 bytes, then the label in 1 byte. A pixel row is a little-endian
40-bit number whose bits 5c to 5c + 4 are the pixel of column c (0 to 16).
"""

import hashlib
import pathlib

import numpy as np
from sklearn.datasets import load_digits

images, labels = load_digits(return_X_y=True)
images = images.astype(np.int64)
assert images.shape == (1797, 64) and images.min() == 0 and images.max() == 16

packed = bytearray()
for image, label in zip(images, labels):
    for row in image.reshape(8, 8):
        packed += sum(int(pixel) << (5 * c) for c, pixel in enumerate(row)).to_bytes(5, "little")
    packed.append(int(label))

path = pathlib.Path(__file__).parent.parent / "src" / "digits.bin"
path.write_bytes(packed)
print("bytes", len(packed), "sha256", hashlib.sha256(packed).hexdigest())
print("images per class", np.bincount(labels).tolist())
print("sum of pixels", images.sum(), "of squares", (images**2).sum())
# Every pixel and every label counts by its place.
place = np.arange(1, images.size + 1).reshape(images.shape)
print("sum of place * pixel", (place * images).sum(), "of place * label", (np.arange(1, 1798) * labels).sum())
