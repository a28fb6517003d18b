"""What would answer differently the next time, and what a flow uses in its place."""

NOW = "use flow.now()"
CHANCE = "use flow.random()"
UUID = "use flow.uuid()"
ALONE = "use flow.map or asyncio.gather"
WAIT = "await the call itself; `timeout=` of a session or command bounds it"
THREAD = "call the function itself"

CLOCKS = (
    "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time "
    "process_time_ns thread_time thread_time_ns clock_gettime clock_gettime_ns"
).split()
CLOCKS_WITHOUT_ARGUMENT = {"localtime": 1, "gmtime": 1, "ctime": 1, "asctime": 1, "strftime": 2}
CHANCES = (
    "random uniform triangular randint choice randrange sample shuffle choices normalvariate "
    "lognormvariate expovariate vonmisesvariate gammavariate gauss betavariate binomialvariate "
    "paretovariate weibullvariate getrandbits randbytes seed SystemRandom"
).split()
SECRETS = "token_bytes token_hex token_urlsafe randbelow randbits choice SystemRandom".split()
UUIDS = "uuid1 uuid4 uuid6 uuid7 getnode".split()
OF_THE_SYSTEM = "urandom getrandom".split()
TIMERS = "sleep timeout timeout_at".split()
DATES = {"datetime": ("now", "utcnow", "today"), "date": ("today",)}

# Dotted names of functions, each with what to use.
INSTEAD = {
    **{f"time.{name}": NOW for name in CLOCKS},
    "time.sleep": WAIT,
    **{f"datetime.{kind}.{name}": NOW for kind, names in DATES.items() for name in names},
    **{f"random.{name}": CHANCE for name in CHANCES},
    **{f"secrets.{name}": CHANCE for name in SECRETS},
    **{f"os.{name}": CHANCE for name in OF_THE_SYSTEM},
    **{f"uuid.{name}": UUID for name in UUIDS},
    **{f"asyncio.{name}": WAIT for name in TIMERS},
    "asyncio.to_thread": THREAD,
    "threading.Thread": ALONE,
}
