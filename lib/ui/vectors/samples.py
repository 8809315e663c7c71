"""Sample sets: short texts of our own that show what an embedding model is good and bad at.

Decided here: what is in them. A set is small enough to cost a server nothing that matters.
"""

from collections.abc import Mapping

from lib.ui.vectors.sets import Texts

__all__ = ["SAMPLES"]


def _grouped(name: str, groups: Mapping[str, str]) -> Texts:
    """One text on each line, under the label of its group."""
    pairs = [(line, label) for label, lines in groups.items() for line in _lines(lines)]
    return Texts(tuple(text for text, _ in pairs), tuple(label for _, label in pairs), name=name)


def _search(name: str, groups: Mapping[str, tuple[str, str]]) -> Texts:
    """Queries first, each with the label of the documents that answer it."""
    queries = [(query, label) for label, (query, _) in groups.items()]
    documents = [(line, label) for label, (_, lines) in groups.items() for line in _lines(lines)]
    pairs = [*queries, *documents]
    return Texts(
        tuple(text for text, _ in pairs),
        tuple(label for _, label in pairs),
        frozenset(range(len(queries))),
        name,
    )


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


_TOPICS = {
    "cooking": """
        Simmer the tomatoes with garlic until the sauce thickens.
        Knead the dough for ten minutes and let it rise overnight.
        A pinch of salt brings out the sweetness of ripe melon.
        Roast the carrots at 200 degrees until the edges turn brown.
        She whisked three eggs with cream for the omelette.
        Rinse the rice until the water runs clear before steaming it.
    """,
    "weather": """
        Heavy rain is expected along the coast this evening.
        The fog lifted by noon and the sun came out.
        Gusts of wind brought down branches all over the valley.
        Tomorrow will be dry with temperatures around twenty degrees.
        An early frost damaged the blossoms on the apple trees.
        Thunderstorms will move in from the west after midnight.
    """,
    "software": """
        The build fails because a dependency was not pinned.
        Restart the service after changing its configuration file.
        A memory leak makes the process slower every hour.
        The function returns an empty list when nothing matches.
        We rolled the release back after errors in the payment queue.
        Add an index to the table so that the query stops scanning it.
    """,
    "football": """
        The keeper saved a penalty in the last minute of the match.
        Both teams finished the first half without a goal.
        Her free kick curled around the wall into the top corner.
        The coach replaced two tired midfielders after an hour.
        A late header sent the underdogs through to the final.
        The referee showed a red card for a dangerous tackle.
    """,
}
_TOPICS_ZH = {
    "饮食": """
        番茄要用小火慢慢熬,直到酱汁变稠。
        面团揉十分钟,然后放一夜让它发酵。
        蒸米饭之前先把米淘洗干净。
        妈妈煮的鸡汤放了姜片和红枣。
        这道豆腐要先煎后炖才入味。
    """,
    "天气": """
        今晚沿海地区将有大雨。
        中午雾散了,太阳也出来了。
        明天白天晴,最高气温二十度左右。
        寒潮到来,北方多地将会下雪。
        午夜过后,雷阵雨将自西向东移动。
    """,
    "软件": """
        因为依赖的版本没有固定,构建失败了。
        修改配置文件以后需要重启服务。
        内存泄漏让进程一小时比一小时慢。
        给这张表加一个索引,查询就不用全表扫描。
        支付队列报错以后,我们回滚了这次发布。
    """,
    "足球": """
        守门员在最后一分钟扑出了点球。
        上半场双方都没有进球。
        教练在第六十分钟换下了两名中场球员。
        她的任意球绕过人墙,直挂球门死角。
        裁判因危险铲球出示了红牌。
    """,
}
_BOTH = {
    "station": """
        The last train leaves at half past eleven.
        末班火车十一点半开。
        When does the last train depart?
    """,
    "doctor": """
        Please make an appointment with the dentist.
        请预约牙医。
        I need to see a dentist.
    """,
    "library": """
        The library is closed on Mondays.
        图书馆星期一不开放。
        You cannot borrow books there on a Monday.
    """,
    "garden": """
        The roses need water every morning.
        玫瑰每天早上都要浇水。
        Water the roses daily, before noon.
    """,
    "invoice": """
        The invoice must be paid within thirty days.
        发票须在三十天内付款。
        Payment is due one month after billing.
    """,
}
_HARD = {
    "negation": """
        The patient has a fever.
        The patient has no fever.
    """,
    "number": """
        The repair costs 10 dollars.
        The repair costs 1000 dollars.
    """,
    "direction": """
        Revenue increased in the third quarter.
        Revenue decreased in the third quarter.
    """,
    "who": """
        The dog chased the cat through the yard.
        The cat chased the dog through the yard.
    """,
    "place": """
        Flights from Oslo to Lisbon are cancelled.
        Flights from Lisbon to Oslo are cancelled.
    """,
    "spelling": """
        The committee will definitely receive your letter.
        The comittee will definately recieve your leter.
    """,
    "case": """
        please call the emergency number
        PLEASE CALL THE EMERGENCY NUMBER
    """,
    "paraphrase": """
        How old are you?
        What is your age?
    """,
    "one word": """
        bank
        river
    """,
}
_DESK = {
    "password": (
        "I cannot log in any more",
        """
        To reset your password, open the sign-in page and choose Forgot password.
        After five failed attempts an account is locked for fifteen minutes.
        Passwords have at least twelve characters and expire after a year.
        """,
    ),
    "invoice": (
        "Where do I find my bill?",
        """
        Invoices are listed under Account, Billing, and can be saved as PDF.
        We send every invoice by mail on the first working day of the month.
        The VAT number on an invoice can be changed until it is paid.
        """,
    ),
    "delivery": (
        "My parcel has not arrived",
        """
        Most orders are delivered within three working days.
        Track a shipment with the number in the confirmation message.
        If a delivery is late by a week, we send the goods again.
        """,
    ),
    "refund": (
        "How do I send something back and get my money?",
        """
        Returned goods are refunded to the card that was charged.
        You may return an article within thirty days of its arrival.
        Print the return label in your account and hand the box to any shop.
        """,
    ),
    "": (
        "Do you ship to the moon?",
        """
        The museum opens its new wing in spring.
        Our offices are closed on public holidays.
        """,
    ),
}
_DESK_ZH = {
    "密码": (
        "我登录不上账户了",
        """
        忘记密码时,请在登录页面点击“找回密码”。
        连续输错五次,账户会锁定十五分钟。
        密码至少十二位,每年需要更换一次。
        """,
    ),
    "发票": (
        "在哪里可以看到账单?",
        """
        发票列在“账户 – 账单”中,可以保存为 PDF。
        每月第一个工作日,我们用邮件寄出发票。
        付款之前可以修改发票上的税号。
        """,
    ),
    "快递": (
        "包裹还没有到",
        """
        多数订单在三个工作日内送达。
        用确认短信中的单号可以查询物流。
        如果晚到一周,我们会重新发货。
        """,
    ),
    "退货": (
        "怎么退货退款?",
        """
        退款会退回到付款的银行卡。
        收货后三十天内可以退货。
        请在账户里打印退货单,把箱子交给任意门店。
        """,
    ),
}

SAMPLES: Mapping[str, Texts] = {
    one.name: one
    for one in (
        _grouped("Topics", _TOPICS),
        _grouped("Topics, Chinese", _TOPICS_ZH),
        _grouped("Two languages", _BOTH),
        _grouped("Hard pairs", _HARD),
        _search("Help desk", _DESK),
        _search("Help desk, Chinese", _DESK_ZH),
    )
}
"""By name; those whose names say Help desk have queries and documents."""
