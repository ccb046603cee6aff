"""Images lie in the memories that the part's file names, in the linked file and when run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from net_maker import Maker

from hysteron._assets import asset_dir
from hysteron.cli import main
from hysteron.driver.compile import CompiledModel, Options, compile_model, kernel_inputs
from hysteron.driver.samples import random_samples
from hysteron.driver.verify import verify
from hysteron.errors import InputError
from hysteron.host.bridge import Net
from hysteron.image.layout import relayout
from hysteron.runners.elf import read_symbols
from hysteron.runners.mcu_net import McuNet
from hysteron.targets import Region, known, load_mcu

SLOW = pytest.mark.slow
MLP = asset_dir("models") / "digits_mlp" / "digits_mlp.onnx"
_TECHNOLOGY = {"nrf54l15": "rram", "apollo510": "mram", "alif-e7": "mram", "ra8p1": "mram"}
# AVR data space lies behind this address in linked files.
_AVR_DATA = 0x80_0000


def _parts() -> list[Any]:
    quick = ("nrf54l15", "apollo510", "atmega328p")
    return [
        pytest.param(name, marks=[*([] if name in quick else [SLOW]), pytest.mark.isa(mcu.isa)])
        for name, mcu in ((name, load_mcu(name)) for name in known("mcu"))
    ]


def _compiled(target: str, place: str | None = None) -> CompiledModel:
    return compile_model(MLP, Options(target=target, inputs=("uint8",), place=place))


def _region_at(part: str, address: int) -> Region:
    mcu = load_mcu(part)
    if mcu.isa.startswith("avr"):
        use = "data" if address >= _AVR_DATA else "code"
        regions, address = [mcu.region(use)], address % _AVR_DATA
    else:
        regions = list(mcu.regions)
    return next(r for r in regions if 0 <= address - r.base.value < r.size_bytes.value)


def _tiny(target: str) -> CompiledModel:
    """Return a network that fits into the smallest part."""
    net = Maker((24,), np.random.default_rng(0))
    net.dense(3)
    return compile_model(net.model(), Options(target=target, inputs=("int8",), name="net"))


@pytest.mark.parametrize("part", _parts())
def test_weights_lie_in_the_memory_of_the_part_and_the_context_in_its_ram(part: str) -> None:
    compiled, code = _tiny(part), load_mcu(part).region("code")
    with McuNet(compiled.program, compiled.target) as net:
        symbols = read_symbols(net.elf.path)
    image = symbols["net_image_main"]
    for end in (image.address, image.address + image.size - 1):
        assert _region_at(part, end) == code
    assert code.technology == _TECHNOLOGY.get(part, code.technology)
    context = _region_at(part, symbols["hyst_mcu_ctx"].address)
    assert (context.use, context.technology) == ("data", "sram")
    told = compiled.program.report["regions"]["main"]
    assert (told["memory"], told["technology"]) == (code.name, code.technology)


_PLACED = [
    ("nrf54l15", "weights=rram,thresholds=ram", {"rram": "rram", "ram": "sram"}),
    ("stm32f746zg", "weights=dtcm,layer_0_weights=flash", {"dtcm": "sram", "flash": "flash"}),
    pytest.param(
        "apollo510", "weights=mram,thresholds=ssram,inverts=dtcm",
        {"mram": "mram", "ssram": "sram", "dtcm": "sram"}, marks=SLOW,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("part", "place", "wanted"), _PLACED)
def test_placed_sections_lie_where_they_were_placed_and_run_there(
    part: str, place: str, wanted: dict[str, str]
) -> None:
    compiled = _compiled(part, place)
    samples = random_samples(compiled.model.graph, 2, 0)
    with McuNet(compiled.program, compiled.target) as net:
        symbols = read_symbols(net.elf.path)
        assert verify(compiled, samples, None, net).bit_exact
        plain = _compiled(part)
        with McuNet(plain.program, plain.target) as other:
            grown = net.elf.ram_bytes - other.elf.ram_bytes
    for memory, technology in wanted.items():
        image = symbols[f"digits_mlp_image_{memory}"]
        found = _region_at(part, image.address)
        assert (found.name, found.technology) == (memory, technology)
    # What is placed in the linked RAM counts there, other memories are their own.
    data = load_mcu(part).region("data").name
    placed = compiled.program.layout.region_bytes(data) if data in wanted else 0
    assert placed <= grown <= placed + 64


@pytest.mark.isa("cortex-m33")
def test_a_chip_with_wrong_bits_in_two_memories_gives_the_integers_of_the_host() -> None:
    compiled = _compiled("nrf54l15", "weights=rram,thresholds=ram")
    rng = np.random.default_rng(0)
    images = {
        region: bytes(
            np.frombuffer(data, np.uint8) ^ (rng.random(len(data)) < 0.02).astype(np.uint8)
        )
        for region, data in compiled.program.images.items()
    }
    here = compile_model(MLP, Options(inputs=("uint8",))).program
    moved = relayout(images, compiled.program.layout, here.layout)
    samples = random_samples(compiled.model.graph, 2, 0)
    right = Net(here).run(kernel_inputs(here, samples))["scores"]
    host = Net(here, moved).run(kernel_inputs(here, samples))["scores"]
    with McuNet(compiled.program, compiled.target, images=images) as net:
        assert np.array_equal(net.run(kernel_inputs(compiled.program, samples))["scores"], host)
    assert not np.array_equal(host, right)


def test_a_folder_remembers_its_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compile", str(MLP), "-t", "nrf54l15", "--input", "uint8", "-o", str(tmp_path / "net")]
    with pytest.raises(SystemExit) as done:
        main([*words, "--place", "weights=rram,thresholds=ram", "--json"])
    capsys.readouterr()
    assert done.value.code == 0
    report = json.loads((tmp_path / "net" / "report.json").read_text())
    assert report["options"]["place"] == "weights=rram,thresholds=ram"
    assert report["regions"]["rram"]["technology"] == "rram"
    np.save(tmp_path / "x.npy", np.zeros((1, 64), np.uint8))
    with pytest.raises(SystemExit) as done:
        main(["chip", str(tmp_path / "net"), "-t", "nrf54l15", "--ber", "0.1", "--seed", "1", "-o",
              str(tmp_path / "chip"), "--json"])  # fmt: skip
    capsys.readouterr()
    assert done.value.code == 0
    assert (tmp_path / "chip" / "region2.bin").is_file()


@pytest.mark.parametrize(
    ("target", "place", "message"),
    [
        ("nrf54l15", "weights", r"not a place.*PART=MEMORY"),
        ("nrf54l15", "weights=rram,weights=ram", r"not a place.*each part once"),
        ("nrf54l15", "heights=rram", r"no such role or section.*weights"),
        ("nrf54l15", "checks=rram", r"no such role or section"),
        ("nrf54l15", "weights=flash", r"nrf54l15 has no such memory.*rram, ram"),
        ("cortex-m33", "weights=9;x", r"a memory's name is a C identifier here"),
        ("atmega2560", "weights=sram", r"nothing is placed on AVR"),
    ],
)
def test_places_that_are_none_are_refused(target: str, place: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        _compiled(target, place)
