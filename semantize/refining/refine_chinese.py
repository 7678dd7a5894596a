"""Titles in Chinese, which parts no words: known phrases, longest first, around the first thing named."""

import re
from collections.abc import Sequence

from semantize.refining.chinese_words import Part, Segment, segments
from semantize.refining.entity import Entity

_CJK = re.compile(r"[\u3400-\u9fff]")
_LATIN_WORD = re.compile(r"[A-Za-z]{2,}")
_ADVERTISING = re.compile(r"\[([^\[\]]*)\]|【([^【】]*)】|「([^「」]*)」")
_TITLE = re.compile(r"《([^《》|<>\[\]]{1,20})》")
_GIFT = re.compile(r"(?:礼品|礼物|送礼|礼盒)包装|包装成礼物|代写贺卡|\(?[Gg]ift [Ww]rap(?:ped)?\)?|\(gift\)")
# What comes with the thing: a gift for the buyer, sauces, a breakfast, a station near by.
_ADDED = re.compile(r"(?:(?<=[\s,+])|^)(?:送(?!餐|货|礼|子)|赠|含|配(?!饰|镜|方|件)|近(?!视))[^\s,+]{1,20}")
_COMPOUNDING = {"套餐", "拼盘", "礼盒", "套装", "组合", "服务", "课程", "体验课"}
_SITES = frozenset("园场馆店站院城港岛湖山寺")
_BABIES = {"婴儿", "新生儿", "初生婴儿", "宝宝", "婴幼儿"}
_MAX_CORE = 12
_MAX_UNKNOWN = 6


def is_chinese(text: str) -> bool:
    """Whether `text` is written in Chinese, a few Latin words aside."""
    characters = len(_CJK.findall(text))
    return characters > 1 and 2 * characters >= len(_LATIN_WORD.findall(text))


def refine_chinese(text: str, max_attributes: int) -> Entity:
    """The entity of one title as `noise.shown` gives it, of which `is_chinese` is true."""
    text, marks = _GIFT.subn(" ", text)
    named = [Segment(Part.TITLE, name) for one in _TITLE.findall(text) if (name := one.strip())]
    bare = _ADDED.sub(" ", _TITLE.sub(" ", _ADVERTISING.sub(" ", text)))
    main = list(segments(bare if _CJK.search(bare) else text))
    aside = segments(" ".join(filter(None, (part for match in _ADVERTISING.findall(text) for part in match))))
    start, end = _core(main)
    if start == end:
        said = "".join(one.text for one in segments(text) if one.part is not Part.GAP)[:_MAX_CORE]
        core = named[0].text if named else said or "礼品包装"
    else:
        core = "".join(one.text for one in main[start:end])[-_MAX_CORE:]
    before, after = _joined(main[:start]), _joined(main[end:])
    touching = start > 0 and main[start - 1].part in {Part.UNKNOWN, Part.HEAD}
    if touching and before[-1].part in {Part.UNKNOWN, Part.HEAD} and len(before[-1].text) > 1:
        before[-1] = Segment(Part.KIND, before[-1].text)
    around = [*named, *before, *after, *(one for one in aside if one.part is Part.WHOM)]
    attributes = _salient(around, core, max_attributes)
    return Entity(core=core, attributes=attributes, gift=marks > 0 and (start < end or bool(named)))


def _core(parts: Sequence[Segment]) -> tuple[int, int]:
    """Where the core begins and ends: the first head, or the last of heads that touch each
    other (奶瓶消毒器); without a head the first stretch."""
    heads = [place for place, one in enumerate(parts) if one.part is Part.HEAD]
    if not heads:
        return _last_words(parts)
    # What something is near to is not the thing.
    there = [place for place in heads if [one.text for one in parts[place + 1 : place + 2]] != ["附近"]]
    start = end = (there or heads)[0]
    while end + 1 < len(parts) and parts[end + 1].part is Part.HEAD:
        if parts[end + 1].text[-1] == parts[end].text[-1]:  # another name of the same
            break
        end += 1
        if parts[end].text not in _COMPOUNDING:
            start = end
    return start, end + 1


def _last_words(parts: Sequence[Segment]) -> tuple[int, int]:
    """The first stretch that says something, up to its last unknown words and whom they are for."""
    start = next((place for place, one in enumerate(parts) if one.part < Part.HEAD), len(parts))
    stretch = next((place for place in range(start, len(parts)) if parts[place].part > Part.HEAD), len(parts))
    unknown = [place for place in range(start, stretch) if parts[place].part is Part.UNKNOWN]
    end = unknown[-1] + 1 if unknown else stretch
    if end < stretch and parts[end].part is Part.WHOM:
        end += 1
    return start, end


def _joined(parts: Sequence[Segment]) -> list[Segment]:
    """Segments, a place with what it is part of and an earlier thing with its name as one each."""
    found: list[Segment] = []
    touching = False
    for one in parts:
        last = found[-1] if found and touching else None
        short = len(one.text) <= _MAX_UNKNOWN and one.part in {Part.UNKNOWN, Part.HEAD}
        if last and last.part is Part.PLACE and (one.part is Part.PLACE or short):
            found[-1] = Segment(Part.PLACE, last.text + one.text)
        elif last and last.part is Part.UNKNOWN and one.part is Part.HEAD and len(last.text) <= _MAX_UNKNOWN:
            found[-1] = Segment(Part.PLACE if one.text[-1] in _SITES else Part.UNKNOWN, last.text + one.text)
        elif one.part is not Part.GAP:
            found.append(one)
        touching = one.part is not Part.GAP
    return found


def _salient(around: Sequence[Segment], core: str, limit: int) -> tuple[str, ...]:
    """The `limit` most salient, in the order given; none that repeats the core or another one."""
    kept: list[tuple[Part, int]] = []
    seen = [core]
    for place, one in enumerate(around):
        repeated = any(one.text in other for other in seen)
        repeated |= one.text in _BABIES and not _BABIES.isdisjoint(seen)
        repeated |= one.part is Part.BRAND and any(part is Part.BRAND for part, _ in kept)  # 耐克 NIKE
        if one.part < Part.UNKNOWN and len(one.text) <= _MAX_CORE and not repeated:
            kept.append((one.part, place))
            seen.append(one.text)
    return tuple(around[place].text for place in sorted(place for _, place in sorted(kept)[:limit]))
