"""A codec to start from: samples rounded to multiples of a step, and zlib. It passes ``rdbench
conformance THIS_FILE:MyName`` as it is. Put your own into encode and decode."""

import struct
import zlib

import numpy as np

import rdbench

HEADER = struct.Struct(">IIBB")  # height, width, channels, step


class MyName(rdbench.Codec):
    # The name in tables; what a point is; the points that are measured where none are named, from
    # low to high rate; and the values that a point may have.
    name = "my-name"
    parameter = "step"
    ladder = (64, 32, 16, 8, 4)
    point_range = (1, 128)
    integer_points = True

    # All else that can be chosen, as in `--codec THIS_FILE:MyName:effort=9`: default and meaning.
    # A curve is labeled with what is not the default.
    option_table = {"effort": rdbench.Option(6, "effort of zlib", low=1, high=9)}

    @classmethod
    def version(cls):
        """Library and encoder, as precisely as possible: a run continues only with the same."""
        return f"zlib {zlib.ZLIB_RUNTIME_VERSION}"

    def encode(self, image):
        """The bytes of an image: uint8, (height, width, channels), 1 or 3 channels, sRGB. All that
        a decoder needs has to be in them, and all of them count."""
        step = int(self.point)
        levels = np.rint(image / step).astype(np.uint8)
        header = HEADER.pack(*image.shape, step)
        return header + zlib.compress(levels.tobytes(), self.options["effort"])

    def decode(self, data):
        """The image of these bytes, by another instance, perhaps in another process. Bytes that are
        no stream of this codec raise CodecError: conformance tries damaged ones."""
        try:
            *shape, step = HEADER.unpack_from(data)
            inflater = zlib.decompressobj()
            levels = np.frombuffer(inflater.decompress(data[HEADER.size :]), np.uint8)
            if not inflater.eof or inflater.unused_data:
                raise ValueError("the compressed data do not end with the stream")
            samples = levels.reshape(shape).astype(int) * step
        except (struct.error, zlib.error, ValueError) as error:
            raise rdbench.CodecError(f"not a stream of this codec: {error}") from error
        return np.clip(samples, 0, 255).astype(np.uint8)
