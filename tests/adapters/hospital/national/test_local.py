"""What the gateway answers by itself: sessions, files, catalogues. All of it is on record."""

from __future__ import annotations

import base64
import io
import os
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from adapters.hospital.national.files import FileStore, Header, NoRoom, Taken
from adapters.hospital.national.settings import Files
from gateway.contract import Unavailable
from tests.adapters.hospital.national.world import good_input, good_reply, world

SIGN_IN: dict[str, Any] = {"signIn": {"opter_no": "op01", "mac": "00-00-5E-00-53-01", "ip": "192.0.2.10"}}
KEY = "an invented key of the tests"
FILES = {"key": KEY, "max_size": "64KiB", "max_total": "100KiB"}


def packed(lines: int = 3) -> bytes:
    """A ZIP as operators and hospitals have them."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("detail.txt", "\n".join(f"a{n}\tb" for n in range(lines)))
    return out.getvalue()


def upload(content: bytes, *, numbers: bool = False, owner: str = "H99010100001") -> dict[str, Any]:
    given = list(content) if numbers else base64.b64encode(content).decode()
    return {"fsUploadIn": {"in": given, "filename": "detail.zip", "fixmedins_code": owner}}


def download(number: str, name: str = "detail.zip", owner: str = "H99010100001") -> dict[str, Any]:
    return {"fsDownloadIn": {"file_qury_no": number, "filename": name, "fixmedins_code": owner}}


# -- sessions ----------------------------------------------------------------------------------------


async def test_business_needs_a_sign_in_where_it_is_required(tmp_path: Path) -> None:
    async with world(tmp_path, {"sign_in": {"required": True}}) as w:
        w.inbox.answer = lambda _: good_reply("1101")
        hospital = w.hospital()
        refused = await hospital.call("1101", good_input("1101"))
        assert (refused.infcode, w.inbox.refused[0].code) == (-1, "not-signed-in")
        assert "请先签到" in refused.err_msg
        number = await hospital.sign_in()
        assert number.startswith("990101S")
        assert len(number) <= 20
        assert (await hospital.call("1101", good_input("1101"))).infcode == 0
        out = await hospital.call("9002", {"signOut": {"sign_no": number, "opter_no": "op01"}})
        assert "sign_time" in out.output["signoutoutb"]
        assert (await hospital.call("1101", good_input("1101"))).infcode == -1
        again = await hospital.call("9002", {"signOut": {"sign_no": number, "opter_no": "op01"}})
        assert again.infcode == -1
        hospital.close()
    assert [handled.kind for handled in w.inbox.handled_ones] == ["9001", "9002"]
    assert all(handled.raw and handled.partner_message_id for handled in w.inbox.handled_ones)


async def test_a_restart_signs_nobody_out_and_time_does(tmp_path: Path) -> None:
    settings = {"sign_in": {"required": True, "lifetime": "1h"}}
    async with world(tmp_path, settings) as w:
        hospital = w.hospital()
        number = await hospital.sign_in()
        hospital.close()
    async with world(tmp_path, settings) as w:
        w.inbox.answer = lambda _: good_reply("1101")
        hospital = w.hospital()
        assert (await hospital.call("1101", good_input("1101"), sign_no=number)).infcode == 0
        hospital.close()
        ahead = w.hospital(now=lambda: time.time() + 3601)
        w.harness.clock.offset = 3601.0
        assert (await ahead.call("1101", good_input("1101"), sign_no=number)).infcode == -1
        ahead.close()
    assert (tmp_path / "sessions.json").stat().st_mode & 0o777 == 0o600


async def test_a_repeated_sign_in_opens_no_other(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        request = hospital.request("9001", SIGN_IN)
        first, again = await hospital.repeat(request)
        other = await hospital.send(
            {**request, "input": {"signIn": {"opter_no": "op02", "ip": "192.0.2.10"}}}
        )
        hospital.close()
    assert first.output == again.output
    assert (other.infcode, w.inbox.refused[0].code) == (-1, "duplicate-msgid")


async def test_another_institution_cannot_use_or_end_it(tmp_path: Path) -> None:
    both = ["H99010100001", "H99010100002"]
    async with world(tmp_path, {"sign_in": {"required": True}}, institutions=both) as w:
        one, other = w.hospital(), w.hospital(institution="H99010100002")
        number = await one.sign_in()
        assert (await other.call("1101", good_input("1101"), sign_no=number)).infcode == -1
        assert (await other.call("9002", {"signOut": {"sign_no": number}})).infcode == -1
        w.inbox.answer = lambda _: good_reply("1101")
        assert (await one.call("1101", good_input("1101"))).infcode == 0
        one.close()
        other.close()


@pytest.mark.parametrize(
    "content", [{}, {"signIn": {}}, {"signIn": {"opter_no": "x" * 21, "ip": "192.0.2.1"}}]
)
async def test_a_sign_in_that_says_too_little(tmp_path: Path, content: dict[str, Any]) -> None:
    async with world(tmp_path) as w:
        hospital = w.hospital()
        assert (await hospital.call("9001", content)).infcode == -1
        hospital.close()
    assert w.inbox.refused[0].code == "invalid"


async def test_what_cannot_be_put_on_record_is_not_answered(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.inbox.error = Unavailable("存储不可用", "the store is down")
        hospital = w.hospital()
        assert (await hospital.call("9001", SIGN_IN)).status == 503
        hospital.close()


# -- files -------------------------------------------------------------------------------------------


def test_one_request_with_two_files_at_once_keeps_one(tmp_path: Path) -> None:
    store = FileStore(Files(key=KEY), tmp_path)  # type: ignore[arg-type]
    together = Barrier(8)

    def put(n: int) -> str | None:
        together.wait()
        try:
            return store.put(Header("detail.zip", "H99010100001"), "M1", b"%d" % n * 100_000)
        except Taken:
            return None

    with ThreadPoolExecutor(8) as pool:
        kept = [n for n, number in enumerate(pool.map(put, range(8))) if number]
    assert len(kept) == 1
    number = store.put(Header("detail.zip", "H99010100001"), "M1", b"%d" % kept[0] * 100_000)
    assert store.get(number, "H99010100001") == b"%d" % kept[0] * 100_000


def test_two_files_do_not_share_the_last_room(tmp_path: Path) -> None:
    store = FileStore(Files(key=KEY, max_total=100_000), tmp_path)  # type: ignore[arg-type]
    together = Barrier(8)

    def put(n: int) -> bool:
        together.wait()
        try:
            return bool(store.put(Header("detail.zip", "H99010100001"), f"M{n}", b"x" * 60_000))
        except NoRoom:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(put, range(8))) == 1


@pytest.mark.parametrize("left", [0, 5, 40])
def test_a_file_that_was_cut_off_is_none(tmp_path: Path, left: int) -> None:
    store = FileStore(Files(key=KEY), tmp_path)  # type: ignore[arg-type]
    number = store.put(Header("detail.zip", "H99010100001"), "M1", b"x" * 100)
    os.truncate(tmp_path / number, left)
    assert store.get(number, "H99010100001") is None
    assert store.put(Header("detail.zip", "H99010100001"), "M1", b"x" * 100) == number
    assert store.get(number, "H99010100001") == b"x" * 100


@pytest.mark.parametrize("numbers", [False, True])
async def test_a_file_up_and_down(tmp_path: Path, numbers: bool) -> None:
    content = packed()
    async with world(tmp_path, {"files": FILES}) as w:
        hospital = w.hospital()
        request = hospital.request("9101", upload(content, numbers=numbers))
        first, again = await hospital.repeat(request)
        number = first.output["file_qury_no"]
        assert first.output == again.output
        assert first.output["filename"] == "detail.zip"
        assert len(number) <= 30
        down = await hospital.call("9102", download(number))
        other = await hospital.send({**request, "input": upload(packed(4))})
        hospital.close()
    assert (down.status, down.headers["content-type"], down.body) == (
        200,
        "application/octet-stream",
        content,
    )
    assert (other.infcode, w.inbox.refused[0].code) == (-1, "duplicate-msgid")
    (kept,) = (tmp_path / "files").iterdir()
    assert content not in kept.read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [handled.kind for handled in w.inbox.handled_ones] == ["9101", "9101", "9102"]


async def test_files_are_nobody_elses_and_do_not_last(tmp_path: Path) -> None:
    both = ["H99010100001", "H99010100002"]
    async with world(tmp_path, {"files": {**FILES, "keep": "1d"}}, institutions=both) as w:
        one, other = w.hospital(), w.hospital(institution="H99010100002")
        number = (await one.call("9101", upload(packed()))).output["file_qury_no"]
        assert (await other.call("9102", download(number, owner="H99010100002"))).infcode == -1
        assert (await other.call("9102", download(number))).infcode == -1  # says it is another
        old = time.time() - 86_500
        os.utime(tmp_path / "files" / number, (old, old))
        assert "已过期" in (await one.call("9102", download(number))).err_msg
        await one.call("9101", upload(packed()))
        assert not (tmp_path / "files" / number).exists()
        one.close()
        other.close()


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ({"fsUploadIn": {"filename": "a", "fixmedins_code": "H99010100001"}}, "bytes"),
        ({"fsUploadIn": {"in": "%%%", "filename": "a", "fixmedins_code": "H99010100001"}}, "bytes"),
        ({"fsUploadIn": {"in": [1, 300], "filename": "a", "fixmedins_code": "H99010100001"}}, "bytes"),
        ({"fsUploadIn": {"in": [1, "a"], "filename": "a", "fixmedins_code": "H99010100001"}}, "bytes"),
        ({"fsUploadIn": {"in": "", "filename": "a", "fixmedins_code": "H99010100001"}}, "missing"),
        ({"fsUploadIn": {"in": "AAAA", "fixmedins_code": "H99010100001"}}, "missing"),
        (upload(b"x" * 70_000), "max 65536"),
        (upload(b"x", owner="H99010199999"), "institutions"),
    ],
)
async def test_files_that_are_refused(tmp_path: Path, content: dict[str, Any], rule: str) -> None:
    async with world(tmp_path, {"files": FILES}) as w:
        hospital = w.hospital()
        assert (await hospital.call("9101", content)).infcode == -1
        hospital.close()
    assert w.inbox.refused[0].rule == rule
    assert not (tmp_path / "files").exists()


async def test_no_more_files_than_there_is_room_for(tmp_path: Path) -> None:
    async with world(tmp_path, {"files": FILES}) as w:
        hospital = w.hospital()
        assert (await hospital.call("9101", upload(os.urandom(60_000)))).infcode == 0
        assert (await hospital.call("9101", upload(os.urandom(60_000)))).status == 503
        hospital.close()


@pytest.mark.parametrize(
    "number", ["../../../etc/passwd", "F" + "0" * 28, "C1301" + "0" * 24, "C1399/..", "x"]
)
async def test_files_that_are_not_there(tmp_path: Path, number: str) -> None:
    async with world(tmp_path, {"files": FILES, "catalogues": str(tmp_path)}) as w:
        hospital = w.hospital()
        assert (await hospital.call("9102", download(number))).infcode == -1
        hospital.close()
    assert w.inbox.refused[0].code == "no-file"


# -- catalogues --------------------------------------------------------------------------------------


async def test_a_catalogue_is_offered_and_fetched(tmp_path: Path) -> None:
    folder = tmp_path / "catalogues"
    (folder / "1301").mkdir(parents=True)
    (folder / "1301" / "F20250101.txt.zip").write_bytes(packed(1))
    (folder / "1301" / "F20260101.txt.zip").write_bytes(packed(5))
    async with world(tmp_path, {"catalogues": str(folder)}) as w:
        hospital = w.hospital()
        answer = await hospital.call("1301", {"data": {"ver": "F20250101"}})
        assert answer.output["filename"] == "F20260101.txt.zip"
        assert answer.output["data_cnt"] == 5
        assert len(answer.output["dld_end_time"]) == 10
        down = await hospital.call("9102", download(answer.output["file_qury_no"], "plc"))
        assert down.body == packed(5)
        latest = await hospital.call("1301", {"data": {"ver": "F20260101"}})
        assert "已是最新版本" in latest.err_msg
        assert "没有可下载" in (await hospital.call("1302", {"data": {}})).err_msg
        assert (await hospital.call("1301", {"data": {"ver": "x" * 21}})).infcode == -1
        (folder / "1303").mkdir()
        (folder / "1303" / "broken.zip").write_bytes(b"no ZIP")
        assert (await hospital.call("1303", {"data": {}})).status == 503
        hospital.close()
    assert [handled.kind for handled in w.inbox.handled_ones] == ["1301", "9102"]
