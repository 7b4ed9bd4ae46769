(function () {
  'use strict';
  var svg = document.getElementById('p'), d = svg.dataset, from = +d.from, to = +d.to, L = +d.label, W = +d.width;
  var a = from, b = to, axis = document.getElementById('axis'), bottom = axis.querySelector('line');
  bottom = bottom ? bottom.getAttribute('y2') : 100;
  var boxes = Array.prototype.map.call(svg.querySelectorAll('.b'), function (g) {
    return {g: g, s: +g.dataset.s, e: +g.dataset.e, r: g.querySelector('rect'), t: g.querySelector('text'),
      name: (g.querySelector('title') || {}).textContent || ''};
  });
  var arrows = Array.prototype.map.call(svg.querySelectorAll('.a'), function (p) {
    var y = p.dataset.y.split(' ');
    return {p: p, s: +p.dataset.s, e: +p.dataset.e, y1: y[0], y2: y[1]};
  });
  function x(t) { return L + (t - a) / (b - a) * W; }
  function time(n) {
    if (n === 0) { return '0'; }
    var u = ['ns', '\u00b5s', 'ms', 's'], i = 0;
    while (Math.abs(n) >= 1000 && i < 3) { n /= 1000; i++; }
    return String(+n.toFixed(3)) + ' ' + u[i];
  }
  function ticks() {
    var least = (b - a) / 10, step = 1, f = [1, 2, 5], i = 0;
    while (step * f[i] < least) { i++; if (i === 3) { i = 0; step *= 10; } }
    step *= f[i];
    axis.textContent = '';
    for (var t = Math.ceil(a / step) * step; t <= b; t += step) {
      var l = document.createElementNS(svg.namespaceURI, 'line'), n = document.createElementNS(svg.namespaceURI, 'text');
      l.setAttribute('x1', x(t)); l.setAttribute('x2', x(t)); l.setAttribute('y1', 18); l.setAttribute('y2', bottom);
      n.setAttribute('x', x(t)); n.setAttribute('y', 13); n.textContent = time(t);
      axis.appendChild(l); axis.appendChild(n);
    }
  }
  var due = false;
  function draw() {
    if (due) { return; }
    due = true;
    requestAnimationFrame(function () {
      due = false;
      ticks();
      boxes.forEach(function (o) {
        if (o.e < a || o.s > b) { o.g.style.display = 'none'; return; }
        o.g.style.display = '';
        var left = Math.max(x(o.s), L - 2), right = Math.min(x(o.e), L + W + 2), w = Math.max(right - left, 1);
        o.r.setAttribute('x', left); o.r.setAttribute('width', w);
        if (o.t) { o.t.setAttribute('x', left + 3); o.t.classList.toggle('off', w < +o.t.dataset.n); }
      });
      arrows.forEach(function (o) {
        if (o.e < a || o.s > b) { o.p.style.display = 'none'; return; }
        o.p.style.display = '';
        var x1 = Math.max(x(o.s), L - 2000), x2 = Math.min(x(o.e), L + W + 2000), c = Math.max((x2 - x1) / 2, 6);
        o.p.setAttribute('d', 'M' + x1 + ' ' + o.y1 + 'C' + (x1 + c) + ' ' + o.y1 + ' ' + (x2 - c) + ' ' + o.y2 + ' ' + x2 + ' ' + o.y2);
      });
    });
  }
  function show(l, r) {
    var w = Math.min(Math.max(r - l, 100), to - from);
    a = Math.min(Math.max(l, from), to - w); b = a + w; draw();
  }
  function zoom(f, at) { show(at - (at - a) * f, at + (b - at) * f); }
  function at(ev) {
    var box = svg.getBoundingClientRect();
    return a + ((ev.clientX - box.left) * svg.viewBox.baseVal.width / box.width - L) / W * (b - a);
  }
  svg.addEventListener('wheel', function (ev) { ev.preventDefault(); zoom(ev.deltaY < 0 ? 0.7 : 1 / 0.7, at(ev)); }, {passive: false});
  var drag = null;
  svg.addEventListener('mousedown', function (ev) { drag = {t: at(ev)}; });
  window.addEventListener('mousemove', function (ev) { if (drag) { var m = drag.t - at(ev); show(a + m, b + m); } });
  window.addEventListener('mouseup', function () { drag = null; });
  document.getElementById('in').onclick = function () { zoom(0.5, (a + b) / 2); };
  document.getElementById('out').onclick = function () { zoom(2, (a + b) / 2); };
  document.getElementById('all').onclick = function () { show(from, to); };
  var find = document.getElementById('find'), next = 0;
  find.addEventListener('input', function () {
    var q = find.value.toLowerCase(), n = 0;
    next = 0;
    boxes.forEach(function (o) {
      var hit = q !== '' && o.name.toLowerCase().indexOf(q) >= 0;
      n += hit ? 1 : 0;
      o.g.classList.toggle('hit', hit); o.g.classList.toggle('miss', q !== '' && !hit);
    });
    document.getElementById('found').textContent = q === '' ? '' : n + ' found' + (n > 0 ? ', Enter shows the next' : '');
  });
  find.addEventListener('keydown', function (ev) {
    if (ev.key !== 'Enter') { return; }
    var hits = boxes.filter(function (o) { return o.g.classList.contains('hit'); });
    if (hits.length === 0) { return; }
    hits.sort(function (l, r) { return l.s - r.s; });
    var o = hits[next++ % hits.length], room = Math.max((o.e - o.s) * 5, (to - from) / 200);
    show((o.s + o.e - room) / 2, (o.s + o.e + room) / 2);
  });
  document.addEventListener('keydown', function (ev) {
    if (ev.target === find) { return; }
    var w = b - a;
    if (ev.key === '+') { zoom(0.5, (a + b) / 2); }
    if (ev.key === '-') { zoom(2, (a + b) / 2); }
    if (ev.key === '0') { show(from, to); }
    if (ev.key === 'ArrowLeft') { show(a - w / 5, b - w / 5); }
    if (ev.key === 'ArrowRight') { show(a + w / 5, b + w / 5); }
  });
  document.getElementById('bar').hidden = false;
})();
