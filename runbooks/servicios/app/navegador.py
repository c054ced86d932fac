"""Abre una página en un Chromium de verdad y espera a que en ella se lea un texto.

    navegador.py URL TEXTO

Imprime lo que se lee en la página; sale con 1 si el texto no aparece en veinte segundos, o si en su
lugar hay un error.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from urllib.request import urlopen

from tornado.websocket import websocket_connect

NOMBRES = ("chromium-headless-shell", "chromium", "google-chrome")


async def leer(puerto, url, texto):
    paginas = json.load(urlopen(f"http://127.0.0.1:{puerto}/json/list"))
    canal = await websocket_connect(paginas[0]["webSocketDebuggerUrl"], max_message_size=2**24)
    numero = 0

    async def pide(metodo, **datos):
        nonlocal numero
        numero += 1
        await canal.write_message(json.dumps({"id": numero, "method": metodo, "params": datos}))
        while True:
            dicho = json.loads(await canal.read_message())
            if dicho.get("id") == numero:
                return dicho.get("result", {})

    await pide("Page.navigate", url=url)
    visto, hasta = "", time.monotonic() + 20
    while time.monotonic() < hasta:
        dicho = await pide("Runtime.evaluate", expression="document.body.innerText")
        visto = dicho.get("result", {}).get("value") or visto
        # Detrás de un error de Streamlit no viene nada más.
        if texto in visto or "Traceback:" in visto:
            break
        await asyncio.sleep(0.2)
    return visto


def main():
    url, texto = sys.argv[1:]
    programa = next(filter(None, map(shutil.which, NOMBRES)), None)
    if programa is None:
        sys.exit("no hay ningún Chromium en esta máquina")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as perfil:
        chromium = subprocess.Popen(
            [programa, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--remote-debugging-port=0", f"--user-data-dir={perfil}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )
        try:
            archivo, hasta = os.path.join(perfil, "DevToolsActivePort"), time.monotonic() + 20
            while not os.path.exists(archivo) or not open(archivo).read().strip():
                if chromium.poll() is not None or time.monotonic() > hasta:
                    sys.exit("Chromium no arranca")
                time.sleep(0.05)
            puerto = open(archivo).readline().strip()
            visto = asyncio.run(leer(puerto, url, texto))
        finally:
            # Con todos los suyos: el primero que muere no se lleva a los demás.
            os.killpg(chromium.pid, signal.SIGKILL)
            chromium.wait()
    print(visto)
    if texto not in visto:
        sys.exit(f"en la página no se lee: {texto}")


main()
