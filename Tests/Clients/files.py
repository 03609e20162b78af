"""Files of formats that are not text, as small as they can be."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path


def pdf(*pages: list[str]) -> bytes:
    """A PDF with a page for each list of lines."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    kids = []
    for lines in pages:
        content = "BT /F1 12 Tf 72 770 Td\n" + "\n".join(f"0 -14 Td ({line}) Tj" for line in lines) + "\nET"
        objects.append(f"<</Length {len(content)}>>stream\n{content}\nendstream")
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>>>/Contents {len(objects)} 0 R>>")
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<</Type/Pages/Count {len(pages)}/Kids[{' '.join(kids)}]>>"
    return assembled([text.encode() for text in objects])


def scanned(*pages: list[str]) -> bytes:
    """A PDF whose pages are pictures and nothing else, at 150 dots an inch."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["pdftoppm", "-gray", "-r", "150", "-", f"{folder}/p"], input=pdf(*pages), check=True)
        pictures = [picture.read_bytes() for picture in sorted(Path(folder).iterdir())]
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b""]
    kids = []
    for picture in pictures:
        _, width, height, _, pixels = picture.split(maxsplit=4)
        # Splitting drops white space at the end, which may be pixels.
        pixels = picture[-int(width) * int(height):]
        start = len(objects)
        objects.append(
            b"<</Type/XObject/Subtype/Image/Width %s/Height %s/ColorSpace/DeviceGray/BitsPerComponent 8/Length %d>>stream\n%s\nendstream"
            % (width, height, len(pixels), pixels))
        content = b"q 595 0 0 842 0 0 cm /I Do Q"
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</XObject<</I %d 0 R>>>>/Contents %d 0 R>>"
            % (start + 1, start + 2))
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(kids), b" ".join(kids))
    return assembled(objects)


def assembled(objects: list[bytes]) -> bytes:
    """A PDF of its objects, the first of them its catalogue."""
    file = b"%PDF-1.4\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    return file + (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
        f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(file)}\n%%EOF\n").encode()
