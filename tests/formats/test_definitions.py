"""What each language's definitions are read as, and that no text upsets the reader."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit import ROOT
from wtman.formats.definitions import definitions

# By language: a file, and what it defines, as `first-last kind name`.
CASES = {
    "cart.ts": (
        r"""import { x } from './x';

export const ROUTES = {
  home: '/',
  go() { return 1; },
  later: (a: number) => {
    return a;
  },
};

export default class Cart<T> extends Base implements Shown {
  private items: T[] = [];
  static make(): Cart { return new Cart(); }
  constructor(private readonly a: string) {
    super(a);
    if (a) { call(a); }
  }
  async total(
    tax: number,
  ): Promise<number> {
    const rate = (x) => x * 2;
    function inner() {
      return "}";
    }
    return `${rate(tax)} }`;
  }
  handle = async (event: Event) => {
    go(/[}"/]/g);
  };
  get size(): number { return 0; }
}

export interface Shown {
  name: string;
  show(a: number): void;
}
export type Id = string | number;
export enum Color { Red, Green }
const double = (n: number): number => n * 2;
export const useThing = (a) => {
  return a;
};
export function overloaded(a: string): void;
export function overloaded(a: any) {
  foo(function () {
    return 1;
  });
}
it('adds', () => { x(); });
""",
        """
        3-9 constant ROUTES
        5-5 function ROUTES.go
        6-8 function ROUTES.later
        11-31 class Cart
        13-13 function Cart.make
        14-17 function Cart.constructor
        18-26 function Cart.total
        21-21 function Cart.total.rate
        22-24 function Cart.total.inner
        27-29 function Cart.handle
        30-30 function Cart.size
        33-36 interface Shown
        37-37 type Id
        38-38 enum Color
        39-39 function double
        40-42 function useThing
        43-43 function overloaded
        44-48 function overloaded
        """,
    ),
    "Cart.java": (
        r"""package shop;
import java.util.List;

@Service
public class Cart<T> implements Shown {
    private final List<T> items = new ArrayList<>();
    @Override
    public int total(int tax) throws IOException {
        if (tax > 0) { return tax; }
        Runnable r = new Runnable() { public void run() { go(); } };
        return items.stream().map(x -> { return x; }).sum();
    }
    public Cart(int a) {
        this.a = a;
    }
    protected abstract void show();
    static class Inner {
        <K extends Comparable<K>> K most(List<K> all) {
            return all.get(0);
        }
    }
    enum Kind { A { int x() { return 1; } }, B; int x() { return 0; } }
}
interface Shown { void show(int a); default void twice() { show(1); } }
record Point(int x, int y) {
    Point { check(x); }
}
""",
        """
        4-23 class Cart
        7-12 function Cart.total
        13-15 function Cart.Cart
        16-16 function Cart.show
        17-21 class Cart.Inner
        18-20 function Cart.Inner.most
        22-22 enum Cart.Kind
        24-24 interface Shown
        25-27 record Point
        """,
    ),
    "cart.cpp": (
        r"""#include <x>
#define MAX(a, b) \
    ((a) > (b) ? (a) : (b))
struct point { int x; };
struct point origin = { 0 };
static int helper(int a);
typedef struct node {
    int v;
} node_t;
static int
helper(int a)
{
    if (a) { return 1; }
    return MAX(a, 2);
}
namespace shop {
template <typename T>
class Cart : public Base {
 public:
    Cart(int a) : items_{a}, x(1) {
        go();
    }
    ~Cart() {}
    int total() const override { return 1; }
    virtual void show() = 0;
    bool operator==(const Cart& o) const { return true; }
 private:
    std::vector<T> items_;
};
int Cart<int>::size() { return 0; }
void Cart::add(const std::string& s) noexcept
{
    for (;;) { }
}
}
extern "C" {
void api(void) { }
}
struct point make_point(int x) { return (struct point){x}; }
enum class Color { Red };
int table[] = { 1, 2 };
""",
        """
        2-3 macro MAX
        4-4 struct point
        7-9 struct node
        11-15 function helper
        17-29 class Cart
        20-22 function Cart.Cart
        23-23 function Cart.~Cart
        24-24 function Cart.total
        26-26 function Cart.operator==
        30-30 function Cart.size
        31-34 function Cart.add
        37-37 function api
        39-39 function make_point
        40-40 enum Color
        """,
    ),
    "Cart.cs": (
        r"""namespace Shop.Core
{
    [Serializable]
    public sealed class Cart : ICart
    {
        public int Count { get; set; }
        public int Total => items.Sum();
        public Cart(int a) : base(a) { }
        [Obsolete("x")]
        public async Task<int> AddAsync<T>(T item, CancellationToken t = default) where T : class
        {
            foreach (var x in y) { Go(x); }
            return 1;
        }
        public int Twice(int a) => a * 2;
        private static void Go(int x) { }
    }
    public interface ICart { void Show(int a); }
    public record Point(int X, int Y);
    enum Kind { A, B }
}
""",
        """
        3-17 class Cart
        8-8 function Cart.Cart
        9-14 function Cart.AddAsync
        15-15 function Cart.Twice
        16-16 function Cart.Go
        18-18 interface ICart
        19-19 record Point
        20-20 enum Kind
        """,
    ),
    "cart.go": (
        r"""package shop

import "fmt"

const limit = 10

var (
	a = 1
)

type Cart struct {
	items []string
}

type Shown interface {
	Show(a int) error
}

func (c *Cart) Total(tax int) (int, error) {
	if tax > 0 {
		return 0, fmt.Errorf("}")
	}
	f := func() { }
	f()
	return 1, nil
}

func New[T any](items ...T) *Cart { return nil }

func main() {
	_ = `}`
}
""",
        """
        5-5 constant limit
        11-13 type Cart
        15-17 type Shown
        19-26 function Cart.Total
        28-28 function New
        30-32 function main
        """,
    ),
    "cart.rs": (
        r"""use std::fmt;

pub const LIMIT: usize = 10;
static NAMES: [&str; 2] = ["a", "}"];

#[derive(Debug)]
pub struct Cart<'a> {
    items: Vec<&'a str>,
}
pub struct Unit;

impl<'a> Cart<'a> {
    pub fn new() -> Self { Cart { items: vec![] } }
    pub(crate) async fn total<T>(&self, tax: T) -> u32
    where
        T: Into<u32>,
    {
        let c = '}';
        fn inner() {}
        1
    }
}

impl<'a> fmt::Display for Cart<'a> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", r#"}"#)
    }
}
pub trait Shown { fn show(&self); fn twice(&self) { self.show() } }
enum Kind { A, B(u32) }
mod other;
#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn adds() { assert!(true); }
}
macro_rules! m { () => {} }
""",
        """
        3-3 constant LIMIT
        4-4 constant NAMES
        6-9 struct Cart
        10-10 struct Unit
        12-22 impl Cart
        13-13 function Cart.new
        14-21 function Cart.total
        19-19 function Cart.total.inner
        24-28 impl Cart
        25-27 function Cart.fmt
        29-29 trait Shown
        30-30 enum Kind
        32-37 module tests
        35-36 function tests.adds
        38-38 macro m
        """,
    ),
    "cart.rb": (
        r"""module Shop
  LIMIT = 10
  class Cart < Base
    attr_reader :x

    def initialize(a)
      @a = a
    end

    def self.make = new(1)

    def total?(tax)
      if tax
        1
      end
    rescue
      2
    end
  end
end

def free; 1; end
class Shop::Other
end
""",
        """
        1-20 module Shop
        2-2 constant Shop.LIMIT
        3-19 class Shop.Cart
        6-8 function Shop.Cart.initialize
        10-10 function Shop.Cart.make
        12-15 function Shop.Cart.total?
        22-22 function free
        23-24 class Shop.Other
        """,
    ),
    "cart.php": (
        r"""<?php
namespace Shop;
abstract class Cart extends Base implements Shown
{
    private $x = '}';
    public function __construct(private int $a) {}
    public static function make(): self
    {
        return new self(1);
    }
    abstract protected function show(int $a);
}
interface Shown { public function go(); }
trait T { }
function helper($a) {
    return function () { return 1; };
}
""",
        """
        3-12 class Cart
        6-6 function Cart.__construct
        7-10 function Cart.make
        11-11 function Cart.show
        13-13 interface Shown
        14-14 trait T
        15-17 function helper
        """,
    ),
    "Cart.kt": (
        r"""package shop
const val LIMIT = 10
data class Point(val x: Int, val y: Int)
class Cart(private val a: Int) : Base(a), Shown {
    val items = listOf(1)
    override fun total(tax: Int): Int = items.sum()
    suspend fun go(
        a: Int,
    ): Unit {
        run { }
    }
    companion object {
        fun make() = Cart(1)
    }
    inner class In
}
fun String.shout(): String {
    return this
}
interface Shown { fun show() }
object Single { fun x() {} }
enum class Kind { A, B }
fun <T> most(a: List<T>): T =
    a.first()
""",
        """
        2-2 constant LIMIT
        3-3 class Point
        4-16 class Cart
        6-6 function Cart.total
        7-11 function Cart.go
        13-14 function Cart.make
        15-15 class Cart.In
        17-19 function String.shout
        20-20 interface Shown
        21-21 object Single
        22-22 class Kind
        23-24 function most
        """,
    ),
    "Cart.swift": (
        r"""import X
public final class Cart: Base, Shown {
    var items: [Int] = []
    init(a: Int) { self.a = a }
    func total(tax: Int) -> Int {
        return 1
    }
    class func make() -> Cart { Cart(a: 1) }
}
struct Point { let x: Int }
extension Cart: Other {
    func other() {}
}
protocol Shown { func show(); func twice() -> Int }
protocol P2 {
    func a() -> Int
    func b()
}
enum Kind { case a }
""",
        """
        2-9 class Cart
        4-4 function Cart.init
        5-7 function Cart.total
        8-8 function Cart.make
        10-10 struct Point
        11-13 extension Cart
        12-12 function Cart.other
        14-14 protocol Shown
        15-18 protocol P2
        16-16 function P2.a
        17-17 function P2.b
        19-19 enum Kind
        """,
    ),
    "Cart.scala": (
        r"""package shop
case class Point(x: Int, y: Int)
trait Shown { def show(): Unit }
object Cart {
  def make(a: Int): Cart = {
    new Cart(a)
  }
  def two(a: Int) = a * 2
  def long(a: Int) =
    a match
      case 1 => 2
  private val x = 1
}
class Cart(a: Int) extends Base with Shown {
  override def total(tax: Int): Int = tax
}
""",
        """
        2-2 class Point
        3-3 trait Shown
        4-13 object Cart
        5-7 function Cart.make
        8-8 function Cart.two
        9-11 function Cart.long
        14-16 class Cart
        15-15 function Cart.total
        """,
    ),
    "cart.sh": (
        r"""#!/bin/sh
set -eu
fail() {
    echo "}" >&2
    exit 1
}
function other {
  if x; then
    y
  fi
}
one() { echo; }
two() (
  cd x
)
""",
        """
        3-6 function fail
        7-11 function other
        12-12 function one
        13-15 function two
        """,
    ),
    "half_written.py": (
        r"""import x
LIMIT = 1
@dec
@dec2(
    1)
class A(B):
    y = 1
    def f(self,
          a
    ):
        def inner():
            pass
        return 1

    async def g(self): pass

if x:
    def h():
        return "\d"
print "broken"
def last():
    pass

NAMES = [
    1,
]
""",
        """
        2-2 constant LIMIT
        6-15 class A
        8-13 function A.f
        11-12 function A.f.inner
        15-15 function A.g
        18-19 function h
        21-22 function last
        24-26 constant NAMES
        """,
    ),
}


def told(path: str, text: str) -> list[str]:
    found = definitions(path, text)
    return [f"{item.first}-{item.last} {item.kind} {item.name}" for item in found]


@pytest.mark.parametrize("path", CASES)
def test_each_language_is_read(path):
    text, expected = CASES[path]
    assert told(path, text) == [line.strip() for line in expected.strip().splitlines()]


PYTHON = """\
import os

LIMIT: int = 1
LIMIT = 2


@dec
@dec(
    1
)
class A(B):
    held = 1

    async def f(self):
        def inner():
            x = 1
        return r"\\d"

if LIMIT:
    def late(): ...
else:
    try:
        def other(): ...
    except ValueError:
        FALLBACK = {"}": 1}
match LIMIT:
    case 1:
        class Matched: ...
"""


def test_python_is_read_by_its_own_parser():
    assert told("a/b.py", PYTHON) == [
        "3-3 constant LIMIT",
        "7-17 class A",
        "14-17 function A.f",
        "15-16 function A.f.inner",
        "20-20 function late",
        "23-23 function other",
        "25-25 constant FALLBACK",
        "28-28 class Matched",
    ]


def test_an_unknown_escape_warns_nobody():
    assert told("a.py", 'x = "\\d"\ny = "\\\\"\nz = "\\\n"\n')[-1] == "3-4 constant z"


def test_lines_end_as_on_windows():
    assert told("a.js", "class A {\r\n  go() {\r\n  }\r\n}\r\n") == [
        "1-4 class A",
        "2-3 function A.go",
    ]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("data.json", '{"class": "A"}\n'),
        ("README.md", "class A {\n}\n"),
        ("a.min.js", "function a(){}" * 200),
        ("a.py", ""),
        ("Makefile", "all:\n\tdef x\n"),
        ("a.js", "var fs = require('fs');\nconst { a } = b;\n"),
        ("a.c", "int f(int a);\nstruct cart *held;\nMODULE(x);\n"),
        ("a.js", "/* class A {} */\n// function b() {}\nx = `\nclass C {}\n`;\n"),
        ("a.go", "package a\n\n/*\nfunc A() {\n}\n*/\n"),
        ("a.big.py", "def f(): pass\n" * 200_000),
    ],
)
def test_nothing_is_defined(path, text):
    assert definitions(path, text) == ()


PATHS = (*CASES, "a.py", "a.js", "a.c", "Rakefile", "x", "a.tsx", "a.h")
PIECES = st.lists(
    st.sampled_from(
        [
            *("class A", "def f", "fn f", "func f", "fun f", "function f", "impl A for B<", "x"),
            *("{", "}", "(", ")", "[", "]", ";", ":", "\n", "\n  ", "\n\t\t", "end", '"', "'"),
            *("`", "/*", "*/", "//", "#", '"""', "=>", "= ", "operator==", "A::f", "<", ">", "\\"),
            *("namespace n", "enum class", "#define X", 'r#"', "<<<X\n", "=begin", "\r", "\0"),
        ]
    ),
    max_size=60,
).map(" ".join)


@given(path=st.sampled_from(PATHS), text=st.text(max_size=300) | PIECES)
def test_whatever_the_text_ranges_are_nested_lines_of_it(path, text):
    lines = len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    around = []
    for item in definitions(path, text):
        assert 1 <= item.first <= item.last <= lines
        assert item.name
        while around and around[-1].last < item.first:
            around.pop()
        assert not around or item.last <= around[-1].last
        around.append(item)


def test_a_type_that_is_written_with_braces_is_no_body():
    text = """\
export function makeForm<
  A = any,
>(
  props: Props<A> = {},
): Omit<
  Shown<A>,
  'state'
> & {
  form: Omit<
    Shown<A>,
    'state'
  >;
} {
  const save = (): { done: boolean } => {
    return { done: true };
  };
  return save;
}

class Row extends Base<{ id: string }> {
  first(): { id: string } {
    return this.row
  }
  second() { return 2 }
}
"""
    assert _plain(definitions("a.ts", text)) == [
        ("makeForm", 1, 18),
        ("makeForm.save", 14, 16),
        ("Row", 20, 25),
        ("Row.first", 21, 23),
        ("Row.second", 24, 24),
    ]


@given(data=st.binary(max_size=300), path=st.sampled_from(PATHS))
def test_bytes_that_are_no_text_do_no_harm(data, path):
    definitions(path, data.decode("utf-8", "replace"))


@pytest.mark.parametrize(
    "piece",
    ["{", "(", "class A\n", "struct a\n", "impl\n", "fn f(\n", "=/[", '"', "'", "/*", "f(", "<"],
)
@pytest.mark.parametrize("path", ["a.cpp", "a.rs", "a.ts", "a.php", "a.rb", "a.kt", "a.py"])
@pytest.mark.timeout(60)
def test_a_hostile_text_costs_no_more_than_its_length(path, piece):
    text = "\n".join([piece * 40] * (100_000 // len(piece) // 40))
    definitions(path, text)


def test_the_scanner_agrees_with_the_parser_on_our_own_source():
    for file in sorted((ROOT / "wtman").rglob("*.py"))[:80]:
        text = file.read_text()
        broken = "print 'x'\n" + text
        with pytest.raises(SyntaxError):
            ast.parse(broken)
        assert _plain(definitions("a.py", broken)) == [
            (name, first + 1, last + 1) for name, first, last in _plain(definitions("a.py", text))
        ], file


def _plain(found):
    return [(item.name, item.first, item.last) for item in found if item.kind != "constant"]
