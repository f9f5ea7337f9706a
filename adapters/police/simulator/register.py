"""The register's people. All are invented: region 990101, sound check digits, names that say so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

#: The smallest JPEG there can be, as far as anybody looks at it here.
PHOTO: Final = "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP////////////////////////////////8="

_FAMILY: Final = "王李张刘陈杨赵黄周吴"
_GIVEN: Final = ("测试", "样例", "示范", "虚构", "甲乙", "丙丁", "戊己", "庚辛")
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


@dataclass(frozen=True)
class Person:
    """One entry. `state` is the register's own code: 0 alive, 9 dead, 8 moved away."""

    number: str
    name: str
    former_name: str = ""
    nation: str = "01"
    address: str = "虚构市示例路1号"
    photo: str = PHOTO
    state: str = "0"

    @property
    def sex(self) -> str:
        return "1" if int(self.number[16]) % 2 else "2"

    @property
    def born(self) -> str:
        return self.number[6:14]


def numbered(first17: str) -> str:
    """The number with its check digit, by the remainder table of the standard."""
    total = sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True))
    return first17 + "10X98765432"[total % 11]


def invented(place: int) -> Person:
    """Any number of different people."""
    day, rest = place % 28 + 1, place // 28
    month, rest = rest % 12 + 1, rest // 12
    sequence, rest = rest % 999 + 1, rest // 999
    number = numbered(f"990101{1950 + rest:04d}{month:02d}{day:02d}{sequence:03d}")
    name = _FAMILY[place % len(_FAMILY)] + _GIVEN[place // len(_FAMILY) % len(_GIVEN)]
    return Person(number, name)


#: Some that tests and demonstrations call by name.
KNOWN: Final = (
    Person("990101199001010019", "张测试"),
    Person("990101199001010027", "李样例", photo=""),
    Person("99010120000229002X", "古丽·𠮷例", nation="05"),
    Person("990101195511030046", "赵样本"),
    Person("990101194001010016", "孙往昔", state="9"),
)


@dataclass
class Register:
    """Who is in it, by number."""

    people: dict[str, Person] = field(default_factory=lambda: {p.number: p for p in KNOWN})

    def add(self, person: Person) -> None:
        self.people[person.number] = person

    def fill(self, count: int) -> None:
        """Adds so many of `invented`."""
        for place in range(count):
            self.add(invented(place))

    def find(self, number: str) -> Person | None:
        return self.people.get(number)
