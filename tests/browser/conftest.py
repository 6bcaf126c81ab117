"""A headless Chromium before the server at LLM_TEST_BASE_URL, and a record of whom it asks."""

import json
import os
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

BASE_URL = os.environ.get("LLM_TEST_BASE_URL", "http://localhost:8091")
# Seconds: a page has scripts of megabytes, and the machine may be busy.
PATIENCE = 60


class Browser:
    def __init__(self, driver):
        self.driver = driver
        self.requests = []

    def open(self, url):
        self.driver.get(url)

    def until(self, condition):
        """What the condition gives, once that is something."""
        return WebDriverWait(self.driver, PATIENCE, poll_frequency=0.1).until(condition)

    def find(self, selector):
        return self.until(lambda driver: driver.find_element("css selector", selector))

    def click(self, selector):
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'}); arguments[0].click()", self.find(selector))

    def sent(self):
        """Every request so far, as the browser's network layer saw it."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"])
        return self.requests

    def hosts(self):
        urls = [urlsplit(request["url"]) for request in self.sent()]
        return {url.netloc for url in urls if url.scheme not in ("data", "blob")}

    def complaints(self):
        """What the console says was refused or went wrong."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture(scope="session")
def base_url():
    return BASE_URL


@pytest.fixture
def browser():
    options = webdriver.ChromeOptions()
    # In a container there is no room in /dev/shm and, as root, no sandbox; the pages are our own.
    for flag in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1400,1000"]:
        options.add_argument(flag)
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    yield Browser(driver)
    driver.quit()
