"""The departments of the made-up city of 云海: 40 bureaus, 10 districts and their 90 streets and towns. Values only."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from hub.codes import make_uscc
from hub.directory import Department

CITY = "云海市"
DIVISION = "449900"
CITY_OFFICE = Department("city-office", f"{CITY}人民政府办公室", make_uscc("1144990000000001"), DIVISION)
PERMIT_OFFICE = Department(
    "permit-office", f"{CITY}行政审批服务局", make_uscc("1144990000000002"), DIVISION, CITY_OFFICE.code
)
SUPERVISION = Department(
    "supervision-center", f"{CITY}行政效能电子监察中心", make_uscc("1144990000000003"), DIVISION, CITY_OFFICE.code
)

_BUREAUS = """
water 水务局 | emergency 应急管理局 | development 发展和改革委员会 | education 教育局 | science 科学技术局
industry 工业和信息化局 | public-security 公安局 | civil-affairs 民政局 | justice 司法局 | finance 财政局
human-resources 人力资源和社会保障局 | natural-resources 自然资源局 | ecology 生态环境局
housing 住房和城乡建设局 | transport 交通运输局 | agriculture 农业农村局 | commerce 商务局
culture 文化广电旅游体育局 | health 卫生健康委员会 | veterans 退役军人事务局 | audit 审计局
state-assets 国有资产监督管理委员会 | market 市场监督管理局 | statistics 统计局 | medical-insurance 医疗保障局
urban-management 城市管理局 | data 政务服务和数据管理局 | forestry 林业局 | foreign-affairs 外事办公室
petitions 信访局 | archives 档案局 | meteorology 气象局 | seismology 地震局 | fire-rescue 消防救援支队
taxation 税务局 | maritime 海事局 | post 邮政管理局 | tobacco 烟草专卖局 | housing-fund 住房公积金管理中心
records 地方志办公室
"""
_DISTRICTS = """
donghu 东湖区 | xishan 西山区 | nangang 南港区 | beiling 北岭区 | zhongcheng 中城区 | yunlu 云麓区
qingjiang 清江区 | haiwan 海湾区 | longtan 龙潭县 | shiqiao 石桥县
"""
_TOWNS = """
青石 新桥 柳岸 和平 文昌 永安 白塔 槐荫 南门 松岭 竹溪 梅园 枫林 云台 碧泉 石门 长坡 金牛 港前 盐田 渔湾 望海
沙头 临江 大埔 船坞 潮平 太平 高岗 红岩 银杏 天池 古城 丰乐 上坪 钟楼 鼓楼 东华 西华 崇文 光明 建设 解放 云水
听泉 归鹤 双溪 桃源 杏花 秋水 清河 江口 白沙 水东 水西 平湖 柳津 河坊 湾头 海沧 明珠 浪琴 滨海 金滩 灯塔 银沙
龙泉 龙山 龙井 潭头 潭口 大坝 龙岗 卧龙 石佛 石塘 石湾 石梁 桥东 桥西 桥头 桥南 双河 马岭 长乐 三元 仁和 福田
新安 罗山
"""
_PRINTED = {"water": "11449900MB2C12348R"}  # as the sample documents of examples/ print it
MOST = 140
TOWNS_OF_EACH = 9
FEWEST = 6


def receivers(count: int) -> list[Department]:
    """The first `count` (6 to 140) departments that a notice of the city office goes to."""
    return list(islice(_all(), count))


def _all() -> Iterator[Department]:
    number = 100
    for code, name in _pairs(_BUREAUS):
        number += 1
        yield _department(code, f"{CITY}{name}", DIVISION, number, CITY_OFFICE.code, "city")
    towns = _TOWNS.split()
    for place, (code, name) in enumerate(_pairs(_DISTRICTS)):
        division = f"{int(DIVISION) + place + 2}"
        yield _department(code, f"{CITY}{name}人民政府", division, 200 + place, CITY_OFFICE.code, "county")
        for town in range(TOWNS_OF_EACH):
            street = town < 6 and name.endswith("区")
            kind = "街道办事处" if street else "镇人民政府"
            called = f"{CITY}{name}{towns[place * TOWNS_OF_EACH + town]}{kind}"
            number = 1000 + place * 100 + town
            yield _department(f"{code}-{town + 1:02}", called, f"{division}{town + 1:03}", number, code, "town")


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for item in text.replace("\n", "|").split("|"):
        if item.strip():
            code, name = item.split()
            yield code, name


def _department(code: str, name: str, division: str, number: int, parent: str, level: str) -> Department:
    uscc = _PRINTED.get(code) or make_uscc(f"11{division[:6]}{number:08}")
    return Department(code, name, uscc, division, parent, level)
