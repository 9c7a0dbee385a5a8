"""One writing of the same text: width, case, traditional characters, blanks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from gongbi.errors import InvalidInput

# Frequent traditional characters and their simplified forms, in the same order; where one stands for two, the usual.
_TRADITIONAL = (
    "個們這來說時會過國對學為後還沒開發點見長樣進與經動現業當種從無電話間體實關問題機車東門馬書買賣錢貴"
    "價質員務務態熱煩難聽聲響壞舊髒亂擠場區樓廳廁衛熱飯館餐麵雞魚湯鹹鮮豐盛讓請謝詢訴應該處理賠償擔憂慮"
    "驚興歡樂愛親歸簡單雙條張節環境間靜鬧遠邊離線網絡絡紅藍綠黃顏級頁頻視頭臉褲裝衣鞋襪號碼將幾萬億歲曆"
    "師傅導遊辦認識證據簽訂約費賬帳單額總計統結構給絕對錯誤麼嗎啊吧勸誤誰課談論調設備產廠商標準規則"
    "減壓縮斷續續穩靈敏輕鬆緊寬窄廣闊滿滯選擇換還運輸送達遲慢屬於觀覺響雖須願顧風飛養龍龜齊髮鬆鐵銀鋪"
    "隨險際陽陰陳陸隊階隱難雜雲靈頂項順預領顯類餘駐騙驗鮮麗麥黨齡優傳傷僅償兒內兩凍劃劇勁勞勢勝區協"
    "參嚴嚇團園圍圖報夠夢夾奪奮婦嬰孫寫寧審層嶄師帶幫廢彈彎彙徑復徹恥悅惡惱愜態慘慣憑憤戰戲戶擋擔擇"
    "據擾攔攜敗敵數斃斬於昇晝暈暫東樂標權殘殺毀氣決況淨淚淺溫滅漢漲潔潛澤濕濟災爐爛爭獎獨獲現環瓊畢異療"
)
_SIMPLIFIED = (
    "个们这来说时会过国对学为后还没开发点见长样进与经动现业当种从无电话间体实关问题机车东门马书买卖钱贵"
    "价质员务务态热烦难听声响坏旧脏乱挤场区楼厅厕卫热饭馆餐面鸡鱼汤咸鲜丰盛让请谢询诉应该处理赔偿担忧虑"
    "惊兴欢乐爱亲归简单双条张节环境间静闹远边离线网络络红蓝绿黄颜级页频视头脸裤装衣鞋袜号码将几万亿岁历"
    "师傅导游办认识证据签订约费账账单额总计统结构给绝对错误么吗啊吧劝误谁课谈论调设备产厂商标准规则"
    "减压缩断续续稳灵敏轻松紧宽窄广阔满滞选择换还运输送达迟慢属于观觉响虽须愿顾风飞养龙龟齐发松铁银铺"
    "随险际阳阴陈陆队阶隐难杂云灵顶项顺预领显类余驻骗验鲜丽麦党龄优传伤仅偿儿内两冻划剧劲劳势胜区协"
    "参严吓团园围图报够梦夹夺奋妇婴孙写宁审层崭师带帮废弹弯汇径复彻耻悦恶恼惬态惨惯凭愤战戏户挡担择"
    "据扰拦携败敌数毙斩于升昼晕暂东乐标权残杀毁气决况净泪浅温灭汉涨洁潜泽湿济灾炉烂争奖独获现环琼毕异疗"
)
_SIMPLER = str.maketrans(_TRADITIONAL, _SIMPLIFIED)
_BLANKS = re.compile(r"[\s\x00-\x1f\u200b-\u200f\ufeff]+")


def normal(text: str) -> str:
    """Return a text in half width and lower case, with simplified characters and single blanks.

    Traditional characters beyond the frequent ones stay as they are.
    """
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", text).lower().translate(_SIMPLER)).strip()


def normals(texts: Iterable[str | None]) -> list[str]:
    """Return every text in its normal form; an absent one is empty.

    Raises
    ------
    InvalidInput
        An entry is no text.
    """
    if isinstance(texts, str):
        raise InvalidInput("texts is one text.", hint="Give a list of texts.")
    found = []
    for i, text in enumerate(texts):
        # A frame says NaN where a text is absent.
        if text is None or text != text:
            found.append("")
        elif isinstance(text, str):
            found.append(normal(text))
        else:
            raise InvalidInput(f"Entry {i} of texts is {text!r}, which is no text.")
    return found
